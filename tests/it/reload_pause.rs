//! Does the bench of reloads do what it says? Small: rules that change and change back leave no trace.

#[path = "../../benches/reload/play.rs"]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "small numbers, in a bench that a test shares"
)]
mod play;

use self::play::Stage;
use self::play::rules;

#[test]
fn rules_that_change_and_change_back_leave_no_trace() {
    let (mut changed, mut left) = (Stage::new(), Stage::new());
    for stage in [&mut changed, &mut left] {
        stage.orders(50, 0..12);
    }
    let before = changed.hash;
    assert_ne!(before, 0, "the rules have something to tell");
    changed.adopt(rules(changed.symbols(), false));
    assert_eq!(changed.hash, before, "the same rules again tell nothing");
    for other in [true, false] {
        changed.adopt(rules(changed.symbols(), other));
    }
    assert_eq!((changed.entities(), left.entities()), (50, 50));
    // What the other rules told of is no matter: from here on both tell the same.
    (changed.hash, left.hash) = (0, 0);
    for stage in [&mut changed, &mut left] {
        stage.orders(50, 12..30);
    }
    assert_ne!(left.hash, 0);
    assert_eq!(changed.hash, left.hash);
}
