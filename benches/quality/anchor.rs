//! What did the plain reference implementations reach? The figures of `anchors.json`, if there is
//! one.

use std::path::Path;

use serde_json::Value;

/// The figures; all absent without a file.
#[derive(Debug, Default)]
pub(crate) struct Anchors(Value);

/// AUC of a drift row.
#[derive(Debug, Default)]
pub(crate) struct DriftAuc {
    /// The best method that is not learned.
    pub(crate) best_simple: Option<f64>,
    /// The best learned one.
    pub(crate) best_learned: Option<f64>,
    /// −E[N].
    pub(crate) expected: Option<f64>,
}

impl Anchors {
    /// From a file; none when it cannot be read.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self(serde_json::from_str(&text)?)),
            Err(_) => Ok(Self::default()),
        }
    }

    fn row(&self, place: [&str; 2], keys: &[(&str, Value)]) -> Option<&Value> {
        let rows = self.0.get(place[0])?.get(place[1])?.as_array()?;
        rows.iter().find(|row| keys.iter().all(|(key, value)| row.get(key) == Some(value)))
    }

    /// A drift row.
    pub(crate) fn drift_auc(
        &self,
        set: &str,
        cut: i64,
        repeats_min: u32,
        target: &str,
    ) -> DriftAuc {
        let keys = [
            ("set", set.into()),
            ("cut", cut.into()),
            ("min_repeats", repeats_min.into()),
            ("target", target.into()),
        ];
        let Some(auc) = self.row(["drift", "auc"], &keys).and_then(|row| row["auc"].as_object())
        else {
            return DriftAuc::default();
        };
        let best = |learned: bool| {
            let of_kind = auc.iter().filter(|(name, _)| name.starts_with("learned") == learned);
            of_kind.filter_map(|(_, value)| value.as_f64()).max_by(f64::total_cmp)
        };
        DriftAuc {
            best_simple: best(false),
            best_learned: best(true),
            expected: auc.get("minus_expected_n").and_then(Value::as_f64),
        }
    }

    /// Precision and lost share of a timer rule at half an alert a customer-year.
    pub(crate) fn timer(&self, set: &str, rule: &str) -> (Option<f64>, Option<f64>) {
        let keys =
            [("set", set.into()), ("rule", rule.into()), ("alerts_per_customer_year", 0.5.into())];
        let row = self.row(["drift", "timers"], &keys);
        (number(row, "precision"), number(row, "lost_share"))
    }

    /// hit@5 of a cross-sell method.
    pub(crate) fn hit(&self, part: &str, method: &str) -> Option<f64> {
        let keys = [("part", part.into()), ("method", method.into())];
        number(self.row(["cross_sell", "rows"], &keys), "hit5")
    }

    /// hit@5 of the EASE variants that the anchors chose on their validation window: the best.
    pub(crate) fn chosen_ease(&self, part: &str) -> Option<f64> {
        let rows = self.0.get("cross_sell")?.get("rows")?.as_array()?;
        let chosen = rows.iter().filter(|row| {
            let method = row["method"].as_str().unwrap_or_default();
            row["part"] == part && row["chosen"] == true && method.contains("ease")
        });
        chosen.filter_map(|row| row["hit5"].as_f64()).max_by(f64::total_cmp)
    }

    /// AUC of a switch-sell method.
    pub(crate) fn switch(&self, method: &str) -> Option<f64> {
        number(self.row(["switch_sell", "rows"], &[("method", method.into())]), "auc")
    }

    /// A figure of a margin detector at an ARL0.
    pub(crate) fn margin(&self, arl0: u32, detector: &str, figure: &str) -> Option<f64> {
        let keys = [("arl0_target", arl0.into()), ("detector", detector.into())];
        number(self.row(["margin", "known_baseline"], &keys), figure)
    }

    /// A figure of a trend detector, without index adjustment.
    pub(crate) fn trend(&self, weeks: u32, detector: &str, figure: &str) -> Option<f64> {
        let keys = [
            ("one_false_alarm_per_weeks", weeks.into()),
            ("detector", detector.into()),
            ("index_adjusted", false.into()),
        ];
        number(self.row(["trend", "rows"], &keys), figure)
    }
}

fn number(row: Option<&Value>, key: &str) -> Option<f64> {
    row.and_then(|row| row.get(key)).and_then(Value::as_f64)
}
