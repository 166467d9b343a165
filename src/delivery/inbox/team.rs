//! How a team does: what lies before each rep, how soon they respond, and what came of it.
//!
//! ```text
//! opened ──────────► answered ──────────► closed        response time = answered − opened
//!    └─ unanswered for too long: overdue                coverage      = answered / opened
//! ```
//!
//! Everything is counted from the alerts themselves, by their owner of today. What lies open counts
//! whenever it was opened; the rest counts within the period asked for.

use std::collections::BTreeMap;

use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::query::RANK_NONE;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Span;
use crate::time::Timestamp;

/// What is asked of a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Opened, answered and closed counts from here.
    pub from: Timestamp,
    /// Now.
    pub to: Timestamp,
    /// So long may an alert wait for a response.
    pub patience: Span,
}

/// Amounts by their currency.
pub type Sums = BTreeMap<Option<Currency>, Decimal>;

/// How one owner does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    /// [`crate::alert::Owner::key`].
    pub owner: String,
    /// Alerts that wait for somebody.
    pub firing: u64,
    /// Alerts that somebody is on.
    pub acknowledged: u64,
    /// Alerts that are put aside.
    pub snoozed: u64,
    /// Of those that wait, how many have waited for too long.
    pub overdue: u64,
    /// Money in what waits and what somebody is on.
    pub at_stake: Sums,
    /// Money in what waits for somebody.
    pub waiting_stake: Sums,
    /// Money in what somebody is on.
    pub taken_stake: Sums,
    /// Money in what is put aside.
    pub aside_stake: Sums,
    /// Alerts that were opened in the period.
    pub opened: u64,
    /// Of those, how many somebody responded to.
    pub answered: u64,
    /// How long that took, the shortest first.
    pub responses: Vec<Span>,
    /// Closed as won in the period.
    pub won: u64,
    /// Closed as lost in the period.
    pub lost: u64,
    /// Dismissed in the period.
    pub dismissed: u64,
    /// Whose moment passed in the period without a response.
    pub missed: u64,
    /// What was won in the period, as far as somebody said how much.
    pub won_amount: Sums,
    /// What was lost in the period, as far as somebody said how much.
    pub lost_amount: Sums,
}

impl Member {
    /// The response time that this share of responses kept within: the nearest rank.
    pub fn response(&self, share: f64) -> Option<Span> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among responses, within 1 and their number"
        )]
        let rank = (self.responses.len() as f64 * share).ceil().max(1.0) as usize;
        self.responses.get(rank - 1).copied()
    }

    /// The share of the alerts opened in the period that somebody responded to.
    #[expect(clippy::cast_precision_loss, reason = "a share that is shown")]
    pub fn coverage(&self) -> Option<f64> {
        (self.opened > 0).then(|| self.answered as f64 / self.opened as f64)
    }

    /// Adds another owner's figures, for the team as a whole.
    pub fn add(&mut self, other: &Self) {
        self.firing += other.firing;
        self.acknowledged += other.acknowledged;
        self.snoozed += other.snoozed;
        self.overdue += other.overdue;
        self.opened += other.opened;
        self.answered += other.answered;
        self.won += other.won;
        self.lost += other.lost;
        self.dismissed += other.dismissed;
        self.missed += other.missed;
        self.responses.extend(&other.responses);
        self.responses.sort_unstable();
        for (sums, more) in [
            (&mut self.at_stake, &other.at_stake),
            (&mut self.waiting_stake, &other.waiting_stake),
            (&mut self.taken_stake, &other.taken_stake),
            (&mut self.aside_stake, &other.aside_stake),
            (&mut self.won_amount, &other.won_amount),
            (&mut self.lost_amount, &other.lost_amount),
        ] {
            for (currency, amount) in more {
                add(sums, *currency, *amount);
            }
        }
    }
}

fn add(sums: &mut Sums, currency: Option<Currency>, amount: Decimal) {
    let sum = sums.entry(currency).or_insert(Decimal::ZERO);
    // Nine trillion are enough for what is shown: a larger sum stays what it was.
    *sum = sum.checked_add(amount).unwrap_or(*sum);
}

impl Inbox {
    /// How each owner does, in the order of their keys.
    pub fn team(&self, period: Period) -> Result<Vec<Member>, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT owner, shelf, state_name, rank, currency, opened_at, changed_at, amount,
                    answered_at, json_extract(state, '$.reason')
             FROM alerts
             WHERE shelf < 3 AND (shelf < 2 OR opened_at >= ?1 OR changed_at >= ?1)
             ORDER BY owner",
        )?;
        let mut rows = statement.query([period.from.millis()])?;
        let mut members: Vec<Member> = Vec::new();
        while let Some(row) = rows.next()? {
            let owner = row.get_ref(0)?.as_str().unwrap_or_default();
            if members.last().is_none_or(|member| member.owner != owner) {
                members.push(Member { owner: owner.to_owned(), ..Member::default() });
            }
            let Some(member) = members.last_mut() else { continue };
            let currency: Option<String> = row.get(4)?;
            let reason: Option<String> = row.get(9)?;
            let instant = |column| {
                let millis: Option<i64> = row.get(column)?;
                Ok::<_, rusqlite::Error>(millis.map(Timestamp::saturating))
            };
            let seen = Seen {
                shelf: row.get(1)?,
                is_firing: row.get_ref(2)?.as_str() == Ok("firing"),
                rank: Some(row.get(3)?).filter(|rank| *rank != RANK_NONE),
                currency: currency.and_then(|code| Currency::parse(&code).ok()),
                opened_at: Timestamp::saturating(row.get(5)?),
                changed_at: Timestamp::saturating(row.get(6)?),
                amount: row.get::<_, Option<i64>>(7)?.map(Decimal::from_micros),
                answered_at: instant(8)?,
                reason: reason.unwrap_or_default(),
            };
            member.count(&seen, period);
        }
        for member in &mut members {
            member.responses.sort_unstable();
        }
        Ok(members)
    }
}

/// An alert as far as a team's figures need it.
struct Seen {
    shelf: i64,
    is_firing: bool,
    rank: Option<i64>,
    currency: Option<Currency>,
    opened_at: Timestamp,
    changed_at: Timestamp,
    amount: Option<Decimal>,
    answered_at: Option<Timestamp>,
    /// `won`, `lost` …; a dismissal is an object, `{"dismissed": …}`.
    reason: String,
}

impl Member {
    fn count(&mut self, seen: &Seen, period: Period) {
        let rank = seen.rank.map_or(Decimal::ZERO, Decimal::from_micros);
        let count = |sums: &mut Sums| {
            if rank != Decimal::ZERO {
                add(sums, seen.currency, rank);
            }
        };
        match seen.shelf {
            0 => {
                count(&mut self.at_stake);
                count(if seen.is_firing { &mut self.waiting_stake } else { &mut self.taken_stake });
                self.firing += u64::from(seen.is_firing);
                self.acknowledged += u64::from(!seen.is_firing);
                let late = period.to - seen.opened_at > period.patience;
                self.overdue += u64::from(seen.is_firing && seen.answered_at.is_none() && late);
            }
            1 => {
                count(&mut self.aside_stake);
                self.snoozed += 1;
            }
            _ if seen.changed_at < period.from => {}
            _ => match seen.reason.as_str() {
                "won" => {
                    self.won += 1;
                    if let Some(amount) = seen.amount {
                        add(&mut self.won_amount, seen.currency, amount);
                    }
                }
                "lost" => {
                    self.lost += 1;
                    if let Some(amount) = seen.amount {
                        add(&mut self.lost_amount, seen.currency, amount);
                    }
                }
                "expired" => self.missed += u64::from(seen.answered_at.is_none()),
                "resolved" | "withdrawn" => {}
                _ => self.dismissed += 1,
            },
        }
        if seen.opened_at >= period.from {
            self.opened += 1;
            if let Some(answered) = seen.answered_at {
                self.answered += 1;
                self.responses.push(answered - seen.opened_at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Action;
    use crate::alert::Alert;
    use crate::alert::AlertState;
    use crate::alert::CloseReason;
    use crate::alert::Deed;
    use crate::alert::Owner;
    use crate::delivery::inbox::InboxConfig;
    use crate::delivery::inbox::query::Query;
    use crate::delivery::inbox::query::Standing;
    use crate::delivery::inbox::sample;
    use crate::engine::Output;

    const HOUR: i64 = 3_600_000;

    /// Sixty alerts of four owners, with deeds that differ from one to the next.
    fn week() -> (Inbox, Period) {
        let inbox = Inbox::in_memory(InboxConfig::default()).unwrap();
        let begin = sample::at("2025-03-01");
        let hour = |hours: i64| begin + Span::from_millis(hours * HOUR);
        let amount = Decimal::parse("100.25").ok();
        let close = |reason| Action::Close { reason, amount };
        for i in 0..60_i64 {
            let mut alert = sample::alert(&format!("c{i}"), (i % 5 > 0).then_some("10.5"));
            alert.opened_at = hour(i * 3);
            alert.owner = match i % 4 {
                0 => Owner::Queue,
                rep => Owner::Rep(format!("r{rep}")),
            };
            let (id, opened_at) = (alert.id, alert.opened_at);
            let mut outputs = vec![Output::Opened { alert: Box::new(alert), arrived: None }];
            let deed = match i % 7 {
                0 => Some(Action::Acknowledge),
                1 => Some(close(CloseReason::Won)),
                2 => Some(close(CloseReason::Lost)),
                3 => Some(close(CloseReason::Dismissed("no".to_owned()))),
                4 => Some(Action::Wait),
                _ => None,
            };
            let at = opened_at + Span::from_millis((i + 1) * HOUR);
            match deed {
                Some(action) => {
                    let state = action.leads_to("ann", at).unwrap();
                    outputs.push(Output::Changed { id, state, at });
                    let deed = Deed { action, by: "ann".to_owned(), at };
                    outputs.push(Output::Acted { id, deed });
                }
                None if i % 2 == 0 => {
                    let state = AlertState::Closed { at, reason: CloseReason::Expired };
                    outputs.push(Output::Changed { id, state, at });
                }
                None => {}
            }
            inbox.apply(&outputs).unwrap();
        }
        let period =
            Period { from: hour(48), to: hour(200), patience: Span::from_millis(24 * HOUR) };
        (inbox, period)
    }

    /// The same figures from the raw alerts, one by one.
    fn by_hand(inbox: &Inbox, owner: &str, period: Period) -> Member {
        let query = Query {
            standing: Standing::Any,
            owner: Some(owner.to_owned()),
            limit: Query::LIMIT_MAX,
            ..Query::default()
        };
        let kept = inbox.list(&query).unwrap().alerts;
        let answer = |alert: &Alert| {
            let deeds = inbox.deeds(alert.id).unwrap();
            deeds.iter().find(|deed| deed.action.is_response()).map(|deed| deed.at)
        };
        let mut want = Member { owner: owner.to_owned(), ..Member::default() };
        for kept in &kept {
            let alert = &kept.alert;
            let answered = answer(alert);
            if let Some(value) = alert.value {
                let stages: &mut [&mut Sums] = match alert.state {
                    AlertState::Firing => &mut [&mut want.at_stake, &mut want.waiting_stake],
                    AlertState::Acknowledged { .. } => {
                        &mut [&mut want.at_stake, &mut want.taken_stake]
                    }
                    AlertState::Closed { .. } => &mut [],
                    _ => &mut [&mut want.aside_stake],
                };
                for sums in stages {
                    add(sums, value.currency, value.amount);
                }
            }
            match &alert.state {
                AlertState::Firing => {
                    want.firing += 1;
                    let waited = period.to - alert.opened_at;
                    want.overdue += u64::from(answered.is_none() && waited > period.patience);
                }
                AlertState::Acknowledged { .. } => want.acknowledged += 1,
                AlertState::Closed { at, reason } if *at >= period.from => match reason {
                    CloseReason::Won => {
                        want.won += 1;
                        let amount = kept.amount.unwrap();
                        add(&mut want.won_amount, amount.currency, amount.amount);
                    }
                    CloseReason::Lost => {
                        want.lost += 1;
                        let amount = kept.amount.unwrap();
                        add(&mut want.lost_amount, amount.currency, amount.amount);
                    }
                    CloseReason::Dismissed(_) => want.dismissed += 1,
                    _ => want.missed += 1,
                },
                AlertState::Closed { .. } => {}
                _ => want.snoozed += 1,
            }
            if alert.opened_at >= period.from {
                want.opened += 1;
                want.answered += u64::from(answered.is_some());
                want.responses.extend(answered.map(|at| at - alert.opened_at));
            }
        }
        want.responses.sort_unstable();
        want
    }

    #[test]
    fn a_teams_figures_are_those_of_its_alerts() {
        let (inbox, period) = week();
        let team = inbox.team(period).unwrap();
        let owners: Vec<&str> = team.iter().map(|member| member.owner.as_str()).collect();
        assert_eq!(owners, ["queue", "rep:r1", "rep:r2", "rep:r3"]);
        let mut whole = Member::default();
        for member in &team {
            assert_eq!(*member, by_hand(&inbox, &member.owner, period));
            whole.add(member);
        }
        // What makes the comparison worth something: every figure has something to count.
        for count in [
            whole.firing,
            whole.acknowledged,
            whole.snoozed,
            whole.overdue,
            whole.answered,
            whole.won,
            whole.lost,
            whole.dismissed,
            whole.missed,
        ] {
            assert!(count > 0, "{whole:?}");
        }
        assert!(whole.coverage().unwrap() < 1.0);
        for sums in [&whole.waiting_stake, &whole.taken_stake, &whole.aside_stake] {
            assert!(!sums.is_empty(), "{whole:?}");
        }
        assert!(!whole.won_amount.is_empty() && !whole.lost_amount.is_empty(), "{whole:?}");
        assert_eq!(whole.responses.len() as u64, whole.answered);
    }

    #[test]
    fn response_times_are_nearest_ranks() {
        let spans = |hours: &[i64]| hours.iter().map(|h| Span::from_millis(h * HOUR)).collect();
        for (hours, median, p90) in [
            (&[][..], None, None),
            (&[3], Some(3), Some(3)),
            (&[1, 2], Some(1), Some(2)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Some(5), Some(9)),
        ] {
            let member = Member { responses: spans(hours), ..Member::default() };
            let told = [member.response(0.5), member.response(0.9)];
            let want = [median, p90].map(|hours| hours.map(|h: i64| Span::from_millis(h * HOUR)));
            assert_eq!(told, want, "{hours:?}");
        }
    }
}
