//! What did the reps do about the alerts of the history? What people do: most are answered within a
//! day of work, some lie for weeks, and more than a third are won.
//!
//! ```text
//! alert ─► hours of work, or weeks ─► "I am on it" ─► days ─► won, lost or dismissed
//! ```
//!
//! Each alert draws from a stream of its own, by its id: the same alert is always answered alike.

use crate::alert::Action;
use crate::alert::Alert;
use crate::alert::CloseReason;
use crate::alert::Deed;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Severity;
use crate::alert::Value;
use crate::demo::calendar::WorkSpan;
use crate::demo::calendar::WorkTime;
use crate::demo::random::Random;
use crate::demo::random::Stream;
use crate::demo::random::round;
use crate::money::Decimal;

/// Days on average until an alert is answered that nobody had time for.
const LATE_DAYS: f64 = 15.0;

/// Days on average until it is known what came of one that was answered.
const OUTCOME_DAYS: f64 = 6.0;

/// Millionths.
const CENT: i64 = 10_000;

/// Why a rep did not try.
const REASONS: [&str; 3] = ["Already handled", "Not relevant", "No budget this year"];

/// What its owner did about an alert, the first thing first; nothing where it is nobody's.
pub fn answer(seed: u64, alert: &Alert) -> Vec<Deed> {
    let Owner::Rep(rep) = &alert.owner else { return Vec::new() };
    let id = usize::try_from(alert.id.bits() >> 64 & u128::from(u32::MAX)).unwrap_or(0);
    let random = &mut Random::new(seed, Stream::Answer, id);
    // How many are answered soon, and after how many minutes of work on average.
    let (share, minutes) = match alert.severity {
        Severity::Critical => (0.95, 60.0),
        Severity::Warning => (0.9, 240.0),
        Severity::Info => (0.85, 480.0),
    };
    let wait = if random.chance(share) {
        WorkSpan::minutes(round(random.exponential(minutes)))
    } else {
        WorkSpan::days(random.exponential(LATE_DAYS))
    };
    let at = WorkTime::at(alert.opened_at) + wait;
    let done = |action, at: WorkTime| Deed { action, by: format!("rep:{rep}"), at: at.instant() };
    let later = at + WorkSpan::days(random.exponential(OUTCOME_DAYS));
    vec![done(Action::Acknowledge, at), done(outcome(alert, random), later)]
}

/// What came of it.
fn outcome(alert: &Alert, random: &mut Random) -> Action {
    // Nobody buys a rep's quota, or a product's returns.
    let is_chance = !matches!(alert.family, Family::Performance | Family::Quality);
    let (reason, amount) = match random.weighted([0.4, 0.3, 0.3].into_iter()) {
        0 if is_chance => {
            let share = random.between(0.4, 1.1);
            let cents = |value: Value| round(value.amount.to_f64() * share * 100.0);
            let amount = alert.value.map(|value| Decimal::from_micros(cents(value) * CENT));
            (CloseReason::Won, amount)
        }
        1 if is_chance => (CloseReason::Lost, None),
        _ => (CloseReason::Dismissed(REASONS[random.index(REASONS.len())].to_owned()), None),
    };
    Action::Close { reason, amount }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertId;
    use crate::delivery::inbox::sample;
    use crate::time::Span;

    #[test]
    fn most_are_answered_within_days_some_are_won_and_each_always_alike() {
        let (mut soon, mut won) = (0, 0);
        for number in 0..1_000 {
            let mut alert = sample::alert("c", Some("100"));
            alert.id = AlertId::new("r", "customer", "c", &number.to_string());
            let deeds = answer(1, &alert);
            assert_eq!(deeds, answer(1, &alert));
            assert!(deeds.is_sorted_by_key(|deed| deed.at));
            assert!(deeds.iter().all(|deed| deed.at >= alert.opened_at && deed.by == "rep:r1"));
            soon += usize::from(
                deeds[0].at < alert.opened_at + Span::from_millis(4 * Span::DAY.millis()),
            );
            let Action::Close { reason, amount } = &deeds[1].action else { panic!("{deeds:?}") };
            assert_eq!(*reason == CloseReason::Won, amount.is_some());
            won += usize::from(amount.is_some());
            alert.owner = Owner::Queue;
            assert_eq!(answer(1, &alert), [], "nobody's");
        }
        assert!((850..980).contains(&soon), "{soon} soon");
        assert!((300..500).contains(&won), "{won} won");
    }
}
