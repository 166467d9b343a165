//! What an entity's rules get to know of its alerts, from what the shard itself has told.
//!
//! ```text
//! a moment: an event, a deadline, a rep's action ─► outputs ─► the list `alerts` of the next moment
//! ```
//!
//! What fires in the shadow was told to nobody, and is not in the list.

use crate::alert::Alert;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::engine::Output;
use crate::event::Symbols;
use crate::state::Entity;
use crate::state::past::PastAlert;
use crate::state::past::Standing;
use crate::time::Timestamp;

/// Notes what came out of one moment; all of it concerns the entity.
#[inline]
pub(crate) fn remember(entity: &mut Entity, told: &[Output], symbols: &Symbols) {
    for output in told {
        match output {
            Output::Opened { alert, .. } if alert.is_shadow => {}
            Output::Opened { alert, .. } => entity.past_mut().open(opened(alert, symbols)),
            Output::Changed { id, state, .. } => {
                let (state, closed) = stands(state);
                entity.past_mut().change(id.bits(), state, closed);
            }
            Output::Acted { .. } | Output::Duty(_) => {}
        }
    }
}

fn opened(alert: &Alert, symbols: &Symbols) -> PastAlert {
    let (state, closed) = stands(&alert.state);
    // One whose moment has no length is over as soon as it is told; nothing more comes of it.
    let over = alert.expires_at == Some(alert.opened_at);
    let offer = alert.reasons.iter().find(|reason| reason.name == PastAlert::OFFER);
    PastAlert {
        id: alert.id.bits(),
        rule: symbols.intern(&alert.rule),
        family: symbols.intern(alert.family.name()),
        opened: alert.opened_at,
        closed: if over { alert.expires_at } else { closed },
        state: if over { Standing::Expired } else { state },
        value: alert.value.map(|value| value.amount),
        offer: offer.map(|reason| symbols.intern(&reason.value)),
    }
}

fn stands(state: &AlertState) -> (Standing, Option<Timestamp>) {
    match state {
        // What is pending was told to nobody.
        AlertState::Pending | AlertState::Firing => (Standing::Firing, None),
        AlertState::Acknowledged { .. } => (Standing::Acknowledged, None),
        AlertState::Snoozed { .. } | AlertState::Waiting { .. } => (Standing::Snoozed, None),
        AlertState::Closed { at, reason } => {
            let why = match reason {
                CloseReason::Resolved => Standing::Resolved,
                CloseReason::Expired => Standing::Expired,
                CloseReason::Withdrawn => Standing::Withdrawn,
                CloseReason::Won => Standing::Won,
                CloseReason::Lost => Standing::Lost,
                CloseReason::Dismissed(_) => Standing::Dismissed,
            };
            (why, Some(*at))
        }
    }
}
