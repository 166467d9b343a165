//! How the alert of one rule for one entity comes, stays and goes.
//!
//! ```text
//!            holds            held for `for`          false for `keep_firing_for`, or expired
//! (nothing) ───────► Pending ───────────────► Open ──────────────────────────► Closed
//!     ▲                 │ false                 ▲ reopened by hand               │
//!     └─────────────────┘                       └────────────────────────────────┤
//!     └───────────────────────────────────────────── `cooldown` is over ◄────────┘
//! ```
//!
//! Pure: it is told whether the condition holds and what time it is, and says what changed.

use crate::alert::Action;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::CloseReason;
use crate::time::Span;
use crate::time::Timestamp;

/// The times in a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// How long the condition must hold before the alert opens.
    pub hold: Span,
    /// How long it must be false before the alert resolves.
    pub keep_firing: Span,
    /// How long the rule is quiet for the entity after an alert closed.
    pub cooldown: Span,
    /// How long the moment lasts; without it the alert stays until it resolves.
    pub expires: Option<Span>,
    /// Whether the rule names its episodes: then one alert an episode, not one at a time.
    pub episodic: bool,
}

/// Where one rule stands for one entity. A rule that is quiet has none.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// It holds, but not for long enough yet.
    Pending {
        /// Since when.
        since: Timestamp,
    },
    /// An alert is open.
    Open(Box<Open>),
    /// The last alert is closed, and still matters.
    Closed {
        /// The alert.
        id: AlertId,
        /// When it opened.
        opened_at: Timestamp,
        /// When it closed.
        at: Timestamp,
        /// Hash of its episode.
        episode: u64,
        /// Hash of the episode before: a late event may still speak of it.
        before: Option<u64>,
    },
}

/// An open alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The alert.
    pub id: AlertId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When its moment passes.
    pub expires_at: Option<Timestamp>,
    /// Since when the condition has been false.
    pub false_since: Option<Timestamp>,
    /// Hash of its episode.
    pub episode: u64,
    /// Hash of the episode before: a late event may still speak of it.
    pub before: Option<u64>,
    /// Firing, acknowledged or snoozed.
    pub state: AlertState,
}

impl Open {
    /// Whether it has told of an episode, or the one before it did.
    fn tells(&self, episode: u64) -> bool {
        self.episode == episode || self.before == Some(episode)
    }

    /// Whether it is put aside until something new happens.
    pub fn waits(&self) -> bool {
        matches!(self.state, AlertState::Waiting { .. })
    }
}

impl Phase {
    /// Reads a little of it, so that it is near when it is needed.
    pub(crate) fn touch(&self) -> u64 {
        match self {
            Self::Open(open) => open.episode,
            Self::Pending { .. } | Self::Closed { .. } => 0,
        }
    }
}

/// What an observation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Whether the condition holds.
    pub holds: bool,
    /// Hash of the episode it belongs to.
    pub episode: u64,
    /// The instant it speaks of, from which cooldowns and expiries count.
    pub at: Timestamp,
    /// The entity's clock, by which it is seen how long something lasts.
    pub now: Timestamp,
}

/// What has to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Open an alert; [`opened`] then tells the phase.
    Open,
    /// The open alert closed.
    Close(AlertId, AlertState),
    /// The open alert closed, and another one opens.
    Renew(AlertId, AlertState),
}

/// Whether an observation changes nothing, whatever instant and episode it speaks of: a condition
/// is false that nobody waits for to become so.
#[inline]
pub fn is_idle(phase: Option<&Phase>, holds: bool) -> bool {
    !holds && matches!(phase, None | Some(Phase::Closed { .. }))
}

/// Whether a rule says nothing by now, whatever its condition is: its last alert closed less than its
/// cooldown ago, and it speaks of no instant behind `now`.
#[inline]
pub fn is_quiet(phase: Option<&Phase>, timing: Timing, now: Timestamp) -> bool {
    matches!(phase, Some(Phase::Closed { at, .. }) if now < *at + timing.cooldown)
}

/// Whether an observation leaves everything as it stands, as nearly every one does: then
/// [`observe`] need not be asked.
#[inline]
pub fn is_settled(phase: Option<&Phase>, timing: Timing, seen: Observation) -> bool {
    match phase {
        Some(Phase::Open(open)) if seen.holds => {
            let told = !timing.episodic || open.tells(seen.episode);
            told && open.false_since.is_none() && !open.waits()
        }
        Some(Phase::Closed { at, episode, before, .. }) if seen.holds => {
            rests((*at, *episode, *before), timing, seen)
        }
        _ => is_idle(phase, seen.holds),
    }
}

/// Whether a rule whose last alert closed says nothing yet of a condition that holds.
fn rests(
    (at, episode, before): (Timestamp, u64, Option<u64>),
    timing: Timing,
    seen: Observation,
) -> bool {
    // A moment closed at the instant it spoke of, anything else by the clock.
    let moment = timing.expires == Some(Span::ZERO);
    let quiet = if moment { seen.at } else { seen.now } < at + timing.cooldown;
    // A condition that is false for a while does not make its episode a new one.
    let told = episode == seen.episode || before == Some(seen.episode);
    quiet || (timing.episodic && told)
}

/// Takes an observation in.
pub fn observe(phase: &mut Option<Phase>, timing: Timing, seen: Observation) -> Step {
    match phase {
        None if !seen.holds => Step::Nothing,
        None if timing.hold > Span::ZERO => {
            *phase = Some(Phase::Pending { since: seen.now });
            Step::Nothing
        }
        None => Step::Open,
        Some(Phase::Pending { .. }) if !seen.holds => {
            *phase = None;
            Step::Nothing
        }
        Some(Phase::Pending { since }) if *since + timing.hold <= seen.now => Step::Open,
        Some(Phase::Pending { .. }) => Step::Nothing,
        Some(Phase::Closed { at, episode, before, .. }) => {
            if !seen.holds || rests((*at, *episode, *before), timing, seen) {
                return Step::Nothing;
            }
            *phase = None;
            observe(phase, timing, seen)
        }
        Some(Phase::Open(open)) => {
            if seen.holds {
                open.false_since = None;
                if !timing.episodic || open.tells(seen.episode) {
                    return Step::Nothing;
                }
                let (id, state) = close(phase, seen.now, CloseReason::Resolved);
                return match observe(phase, timing, seen) {
                    Step::Open => Step::Renew(id, state),
                    _ => Step::Close(id, state),
                };
            }
            let since = *open.false_since.get_or_insert(seen.now);
            if seen.now < since + timing.keep_firing {
                return Step::Nothing;
            }
            let (id, state) = close(phase, seen.now, CloseReason::Resolved);
            Step::Close(id, state)
        }
    }
}

/// The phase of a newly opened alert. One whose moment has no length is closed at once, and
/// only its cooldown and episode matter.
pub fn opened(id: AlertId, timing: Timing, seen: Observation, before: Option<u64>) -> Phase {
    match timing.expires {
        Some(Span::ZERO) => {
            let (at, episode) = (seen.at, seen.episode);
            Phase::Closed { id, opened_at: at, at, episode, before }
        }
        expires => Phase::Open(Box::new(Open {
            id,
            opened_at: seen.at,
            expires_at: expires.map(|span| seen.at + span),
            false_since: None,
            episode: seen.episode,
            before,
            state: AlertState::Firing,
        })),
    }
}

/// Hash of the episode that the last alert told of; it is the one before, once another opens.
pub fn episode(phase: Option<&Phase>) -> Option<u64> {
    match phase {
        Some(Phase::Open(open)) => Some(open.episode),
        Some(Phase::Closed { episode, .. }) => Some(*episode),
        Some(Phase::Pending { .. }) | None => None,
    }
}

/// Closes the open alert; its id and its new state.
///
/// The phase must be [`Phase::Open`]; anything else is left as it is.
fn close(phase: &mut Option<Phase>, at: Timestamp, reason: CloseReason) -> (AlertId, AlertState) {
    let state = AlertState::Closed { at, reason };
    match phase.take() {
        Some(Phase::Open(open)) => {
            *phase = Some(Phase::Closed {
                id: open.id,
                opened_at: open.opened_at,
                at,
                episode: open.episode,
                before: open.before,
            });
            (open.id, state)
        }
        other => {
            debug_assert!(false, "only an open alert closes");
            *phase = other;
            (AlertId::new("", "", "", ""), state)
        }
    }
}

/// Closes an open alert because what it warned of is over.
pub fn resolve(phase: &mut Option<Phase>, at: Timestamp) -> Option<(AlertId, AlertState)> {
    matches!(phase, Some(Phase::Open(_))).then(|| close(phase, at, CloseReason::Resolved))
}

/// Closes an open alert because its rule is gone.
pub fn withdraw(phase: &mut Option<Phase>, at: Timestamp) -> Option<(AlertId, AlertState)> {
    matches!(phase, Some(Phase::Open(_))).then(|| close(phase, at, CloseReason::Withdrawn))
}

/// Where a rule stands that is not asked any more: nothing is pending, and an open alert waits
/// for somebody, or for its moment to pass.
pub fn unasked(phase: Option<Phase>) -> Option<Phase> {
    match phase {
        Some(Phase::Pending { .. }) | None => None,
        Some(Phase::Open(mut open)) => {
            open.false_since = None;
            Some(Phase::Open(open))
        }
        closed @ Some(Phase::Closed { .. }) => closed,
    }
}

/// What the passing of time does to an open alert by itself: it expires, a snooze ends.
pub fn pass(phase: &mut Option<Phase>, at: Timestamp) -> Option<(AlertId, AlertState)> {
    let Some(Phase::Open(open)) = phase else { return None };
    if open.expires_at.is_some_and(|end| end <= at) {
        return Some(close(phase, at, CloseReason::Expired));
    }
    match open.state {
        AlertState::Snoozed { until, .. } if until <= at => {
            open.state = AlertState::Firing;
            Some((open.id, AlertState::Firing))
        }
        _ => None,
    }
}

/// Whether this is the alert that the rule told of last.
pub fn is_current(phase: Option<&Phase>, alert: AlertId) -> bool {
    match phase {
        Some(Phase::Open(open)) => open.id == alert,
        Some(Phase::Closed { id, .. }) => *id == alert,
        Some(Phase::Pending { .. }) | None => false,
    }
}

/// Brings an alert back that waits for new evidence: the condition holds, and something has
/// happened since.
pub fn stir(phase: &mut Option<Phase>, newest: Option<Timestamp>) -> Option<(AlertId, AlertState)> {
    let Some(Phase::Open(open)) = phase else { return None };
    match open.state {
        AlertState::Waiting { since, .. } if newest.is_some_and(|newest| newest > since) => {
            open.state = AlertState::Firing;
            Some((open.id, AlertState::Firing))
        }
        _ => None,
    }
}

/// What a sales person does to it. `None` when the alert is not the rule's current one, or
/// already stands there.
pub fn act(
    phase: &mut Option<Phase>,
    id: AlertId,
    action: &Action,
    (by, at): (&str, Timestamp),
) -> Option<AlertState> {
    match phase {
        Some(Phase::Open(open)) if open.id == id => {
            if let Action::Close { reason, .. } = action {
                return Some(close(phase, at, reason.clone()).1);
            }
            let state = action.leads_to(by, at)?;
            open.state = state.clone();
            Some(state)
        }
        Some(Phase::Closed { id: closed, opened_at, episode, before, .. })
            if *closed == id && *action == Action::Reopen =>
        {
            let (opened_at, episode, before) = (*opened_at, *episode, *before);
            *phase = Some(Phase::Open(Box::new(Open {
                id,
                opened_at,
                expires_at: None,
                false_since: None,
                episode,
                before,
                state: AlertState::Firing,
            })));
            Some(AlertState::Firing)
        }
        _ => None,
    }
}

/// When the passing of time will matter next.
pub fn deadline(phase: &Phase, timing: Timing) -> Option<Timestamp> {
    match phase {
        Phase::Pending { since } => Some(*since + timing.hold),
        Phase::Closed { .. } => None,
        Phase::Open(open) => {
            let wake = match open.state {
                AlertState::Snoozed { until, .. } => Some(until),
                _ => None,
            };
            let resolve = open.false_since.map(|since| since + timing.keep_firing);
            [open.expires_at, wake, resolve].into_iter().flatten().min()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hour: i64) -> Timestamp {
        Timestamp::saturating(hour * HOUR)
    }

    fn hours(hours: i64) -> Span {
        Span::from_millis(hours * HOUR)
    }

    /// Feeds `(hour, holds)`; returns `+` for an opening, `-` for a closing, `.` for nothing.
    fn run(timing: Timing, seen: &[(i64, bool)]) -> String {
        let mut phase = None;
        let mut out = String::new();
        for &(hour, holds) in seen {
            let day = u64::try_from(hour / 24).unwrap();
            let seen = Observation { holds, episode: day, at: at(hour), now: at(hour) };
            if pass(&mut phase, at(hour)).is_some() {
                out.push('-');
            }
            let before = episode(phase.as_ref());
            let step = observe(&mut phase, timing, seen);
            out.push_str(match step {
                Step::Nothing => ".",
                Step::Open => "+",
                Step::Close(..) => "-",
                Step::Renew(..) => "-+",
            });
            if let Step::Open | Step::Renew(..) = step {
                let id = AlertId::new("r", "customer", "c", &hour.to_string());
                phase = Some(opened(id, timing, seen, before));
            }
        }
        out
    }

    proptest::proptest! {
        #[test]
        fn what_is_settled_stays_as_it_stands(
            steps in proptest::collection::vec((0_i64..30, proptest::bool::ANY, 0_u64..3), 1..40),
            (hold, keep, cooldown) in (0_i64..3, 0_i64..3, 0_i64..20),
            expires in proptest::option::of(0_i64..20),
            episodic: bool,
        ) {
            let (hold, keep_firing, cooldown) = (hours(hold), hours(keep), hours(cooldown));
            let timing = Timing { hold, keep_firing, cooldown, expires: expires.map(hours), episodic };
            let (mut phase, mut hour) = (None, 0);
            for (later, holds, episode) in steps {
                hour += later;
                pass(&mut phase, at(hour));
                let seen = Observation { holds, episode, at: at(hour - later / 2), now: at(hour) };
                let settled = is_quiet(phase.as_ref(), timing, at(hour))
                    || is_settled(phase.as_ref(), timing, seen);
                let before = phase.clone();
                let step = observe(&mut phase, timing, seen);
                if settled {
                    proptest::prop_assert_eq!(&step, &Step::Nothing);
                    proptest::prop_assert_eq!(&phase, &before);
                }
                if let Step::Open | Step::Renew(..) = step {
                    let id = AlertId::new("r", "customer", "c", &hour.to_string());
                    let before = before.as_ref().and_then(|before| super::episode(Some(before)));
                    phase = Some(opened(id, timing, seen, before));
                }
            }
        }
    }

    #[test]
    fn an_alert_comes_stays_and_goes_as_the_rule_says() {
        let plain = Timing::default();
        let hold = Timing { hold: hours(2), ..plain };
        let keep = Timing { keep_firing: hours(2), ..plain };
        let cool = Timing { cooldown: hours(3), ..plain };
        let moment = Timing { expires: Some(Span::ZERO), cooldown: hours(3), ..plain };
        let short = Timing { expires: Some(hours(2)), cooldown: hours(3), ..plain };
        let daily = Timing { episodic: true, ..plain };
        for (what, timing, seen, want) in [
            ("one at a time", plain, &[(0, true), (1, true), (2, false)][..], "+.-"),
            ("held long enough", hold, &[(0, true), (1, true), (2, true)], "..+"),
            ("not held long enough", hold, &[(0, true), (1, false), (2, true)], "..."),
            ("kept firing", keep, &[(0, true), (1, false), (2, true), (3, false)], "+..."),
            ("kept, then resolved", keep, &[(0, true), (1, false), (3, false)], "+.-"),
            ("quiet after closing", cool, &[(0, true), (1, false), (3, true), (4, true)], "+-.+"),
            ("a moment", moment, &[(0, true), (2, true), (3, true)], "+.+"),
            ("expires, then cools", short, &[(0, true), (1, true), (3, true), (6, true)], "+.-.+"),
            ("one a day", daily, &[(0, true), (1, true), (25, true), (26, true)], "+.-+."),
            ("a late one of the day before", daily, &[(1, true), (25, true), (2, true)], "+-+."),
            ("again next day", daily, &[(0, true), (1, false), (2, true), (25, true)], "+-.+"),
            (
                "false twice, same day",
                daily,
                &[(0, true), (1, false), (2, false), (3, true)],
                "+-..",
            ),
        ] {
            assert_eq!(run(timing, seen), want, "{what}");
        }
    }

    #[test]
    fn a_rep_acts_and_undoes() {
        let id = AlertId::new("r", "customer", "c", "e");
        let seen = Observation { holds: true, episode: 0, at: at(0), now: at(0) };
        let mut phase = Some(opened(id, Timing::default(), seen, None));
        let mut act = |action| act(&mut phase, id, &action, ("ann", at(1)));
        let acknowledged = AlertState::Acknowledged { by: "ann".into(), at: at(1) };
        assert_eq!(act(Action::Acknowledge), Some(acknowledged));
        assert_eq!(act(Action::Reopen), Some(AlertState::Firing));
        let won = AlertState::Closed { at: at(1), reason: CloseReason::Won };
        let close = Action::Close { reason: CloseReason::Won, amount: None };
        assert_eq!(act(close), Some(won));
        assert_eq!(act(Action::Acknowledge), None, "it is closed");
        assert_eq!(act(Action::Reopen), Some(AlertState::Firing));
    }

    #[test]
    fn an_alert_that_waits_comes_back_with_new_evidence_only() {
        let id = AlertId::new("r", "customer", "c", "e");
        let seen = Observation { holds: true, episode: 0, at: at(0), now: at(0) };
        let mut phase = Some(opened(id, Timing::default(), seen, None));
        assert_eq!(stir(&mut phase, Some(at(9))), None, "it does not wait");
        act(&mut phase, id, &Action::Wait, ("ann", at(1)));
        assert_eq!(phase.as_ref().and_then(|phase| deadline(phase, Timing::default())), None);
        for newest in [None, Some(at(0)), Some(at(1))] {
            assert_eq!(stir(&mut phase, newest), None, "{newest:?} is known");
        }
        assert_eq!(stir(&mut phase, Some(at(2))), Some((id, AlertState::Firing)));
        assert_eq!(stir(&mut phase, Some(at(3))), None, "it is back already");
    }

    #[test]
    fn a_snooze_ends_by_itself() {
        let id = AlertId::new("r", "customer", "c", "e");
        let seen = Observation { holds: true, episode: 0, at: at(0), now: at(0) };
        let mut phase = Some(opened(id, Timing::default(), seen, None));
        act(&mut phase, id, &Action::Snooze { until: at(5) }, ("ann", at(1)));
        let due = phase.as_ref().and_then(|phase| deadline(phase, Timing::default()));
        assert_eq!(due, Some(at(5)));
        assert_eq!(pass(&mut phase, at(4)), None);
        assert_eq!(pass(&mut phase, at(5)), Some((id, AlertState::Firing)));
    }
}
