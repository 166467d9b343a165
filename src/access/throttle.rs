//! Throttle: how long must somebody wait who has failed to sign in too often?
//!
//! ```text
//! failures of one name from one address   5 free, then 2, 4, 8 … s, up to 15 min
//! failures of one name from anywhere     50 free, then the same
//! ```
//!
//! So a guesser is slowed down, and cannot lock a person out from another address soon. What is
//! remembered is bounded: when it is full, the oldest failure is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;

/// Names, and names with addresses, that are remembered.
const KEYS_MAX: usize = 10_000;
const FREE_FROM_ADDRESS: u32 = 5;
const FREE_FROM_ANYWHERE: u32 = 50;
const WAIT_MAX: Duration = Duration::from_mins(15);
/// Failures are forgotten after this long without one.
const MEMORY: Duration = Duration::from_hours(1);

type Key = (String, Option<IpAddr>);

/// Failures to sign in.
#[derive(Debug, Default)]
pub struct Throttle(HashMap<Key, Failures>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// How long this name from this address still has to wait; none when it may try.
    pub fn wait(&self, name: &str, from: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let waits = keys(name, from).into_iter().filter_map(|(key, free)| {
            let failures = self.0.get(&key)?;
            let over = failures.count.checked_sub(free)?;
            let wait = Duration::from_secs(2_u64 << over.min(16)).min(WAIT_MAX);
            (failures.last + wait).checked_duration_since(now).filter(|wait| !wait.is_zero())
        });
        waits.max()
    }

    /// Notes a failure.
    pub fn failed(&mut self, name: &str, from: Option<IpAddr>, now: Instant) {
        for (key, _) in keys(name, from) {
            if self.0.len() >= KEYS_MAX && !self.0.contains_key(&key) {
                self.0.retain(|_, failures| now.duration_since(failures.last) < MEMORY);
                self.forget_oldest();
            }
            let failures = self.0.entry(key).or_insert(Failures { count: 0, last: now });
            if now.duration_since(failures.last) >= MEMORY {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
    }

    /// The right password clears this name at this address, not what others tried elsewhere.
    pub fn succeeded(&mut self, name: &str, from: Option<IpAddr>) {
        self.0.remove(&(name.to_owned(), from));
    }

    fn forget_oldest(&mut self) {
        if self.0.len() >= KEYS_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, failures)| failures.last)
        {
            let oldest = oldest.0.clone();
            self.0.remove(&oldest);
        }
    }
}

fn keys(name: &str, from: Option<IpAddr>) -> Vec<(Key, u32)> {
    let anywhere = ((name.to_owned(), None), FREE_FROM_ANYWHERE);
    let there = from.map(|from| ((name.to_owned(), Some(from)), FREE_FROM_ADDRESS));
    std::iter::once(anywhere).chain(there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_grow_with_failures_and_end_with_time() {
        let (here, there) = ("10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let (start, mut throttle) = (time::steady(), Throttle::default());
        for (failures, want) in
            [(4, None), (1, Some(2)), (1, Some(4)), (3, Some(32)), (20, Some(900))]
        {
            for _ in 0..failures {
                throttle.failed("maya", here, start);
            }
            assert_eq!(throttle.wait("maya", here, start), want.map(seconds));
        }
        assert_eq!(throttle.wait("maya", there, start), None, "not from elsewhere");
        assert_eq!(throttle.wait("bob", here, start), None, "not somebody else");
        assert_eq!(throttle.wait("maya", here, start + seconds(900)), None);
        throttle.failed("maya", here, start + MEMORY);
        assert_eq!(throttle.wait("maya", here, start + MEMORY), None, "forgotten after an hour");
    }

    #[test]
    fn guesses_from_many_addresses_are_slowed_down_too() {
        let (start, mut throttle) = (time::steady(), Throttle::default());
        for host in 0..50_u8 {
            throttle.failed("maya", Some([10, 0, 0, host].into()), start);
        }
        let fresh = Some([10, 9, 9, 9].into());
        assert_eq!(throttle.wait("maya", fresh, start), Some(seconds(2)));
        throttle.succeeded("maya", fresh);
        assert!(throttle.wait("maya", fresh, start).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (start, mut throttle) = (time::steady(), Throttle::default());
        for number in 0..KEYS_MAX as u64 + 50 {
            throttle.failed(&format!("n{number}"), None, start + Duration::from_nanos(number));
        }
        assert_eq!(throttle.0.len(), KEYS_MAX);
        assert!(!throttle.0.contains_key(&("n0".to_owned(), None)));
    }
}
