//! What goes wrong, or well, and when? The injected truth against which alerts can be judged.
//!
//! ```text
//! day 0          90                                                         end of the stream
//!  │  as usual   │  as usual   ╠═ silence ═╣   as usual   ╠═ margin ═╣   as usual …
//! ```
//!
//! Every customer lives through one episode after another, with months as usual in between, so
//! that at any time something begins somewhere. Calls about a category whose complement the
//! customer lacks come on their own schedule; a rep has a slump now and then.

use serde::Serialize;
use serde::Serializer;

use crate::demo::Settings;
use crate::demo::calendar::WorkTime;
use crate::demo::catalogue::Category;
use crate::demo::catalogue::complement;
use crate::demo::random::Random;
use crate::demo::random::Stream;
use crate::demo::random::round;
use crate::demo::world::Customer;
use crate::time::Span;
use crate::time::Timestamp;

/// The kinds of injected episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeKind {
    /// The customer stops ordering, and comes back at the end.
    Silence,
    /// The customer buys one of its categories elsewhere.
    CategoryLoss,
    /// The customer is given a larger discount.
    MarginDiscount,
    /// Serving the customer costs more; the price stays.
    MarginCost,
    /// The customer orders more, and more often.
    Growth,
    /// A call about a category whose complement the customer does not buy.
    ComplementMissing,
    /// The rep's customers order less often.
    RepSlump,
    /// The customer's agreement promises more than it usually buys.
    AgreementBehind,
}

/// One injected episode: the truth behind alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// What happens.
    pub kind: EpisodeKind,
    /// Whose episode it is, unless a rep's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The customer's rep, or the rep in a slump.
    pub rep_id: String,
    /// The lost category, or the one called about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<&'static str>,
    /// First instant.
    #[serde(serialize_with = "as_text")]
    pub from: Timestamp,
    /// First instant after it; the same as `from` for a call.
    #[serde(serialize_with = "as_text")]
    pub to: Timestamp,
}

/// One episode of a customer or a rep whom the surroundings tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Episode {
    pub(super) kind: EpisodeKind,
    pub(super) category: Option<Category>,
    pub(super) from: WorkTime,
    pub(super) to: WorkTime,
}

impl Episode {
    /// Whether it goes on at this time.
    pub(super) fn covers(&self, at: WorkTime) -> bool {
        self.from <= at && at < self.to
    }
}

/// RFC 3339, as in every record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Days before anything is injected, so that each customer has a past of its own.
const CALM_AT_FIRST: f64 = 90.0;

/// The episodes of one customer, in the order of their beginning.
pub(super) fn of_customer(settings: &Settings, index: usize, customer: &Customer) -> Vec<Episode> {
    let mut random = Random::new(settings.seed, Stream::Episode, index);
    let mut episodes = Vec::new();
    let days = f64::from(settings.days());
    let mut day = CALM_AT_FIRST + random.between(0.0, 240.0);
    while day < days {
        let (kind, category, length) = draw(customer, &mut random);
        episodes.push(spell(settings, kind, category, day, length));
        day += length + random.between(60.0, 220.0);
    }
    let Some(called_about) = customer.lacks_complement_of else { return episodes };
    let mut day = CALM_AT_FIRST + random.exponential(70.0);
    while day < days {
        let call = EpisodeKind::ComplementMissing;
        let call = spell(settings, call, Some(called_about), day, 0.0);
        if !episodes.iter().any(|e| e.kind == EpisodeKind::Silence && e.covers(call.from)) {
            episodes.push(call);
        }
        day += 35.0 + random.exponential(70.0);
    }
    episodes.sort_by_key(|e| e.from);
    episodes
}

/// The slumps of one rep.
pub(super) fn of_rep(settings: &Settings, random: &mut Random) -> Vec<Episode> {
    let mut episodes = Vec::new();
    let mut day = CALM_AT_FIRST + random.between(0.0, 360.0);
    while day < f64::from(settings.days()) {
        let length = random.between(60.0, 90.0);
        episodes.push(spell(settings, EpisodeKind::RepSlump, None, day, length));
        day += length + random.between(200.0, 400.0);
    }
    episodes
}

/// Kind, category and days of a customer's next episode.
fn draw(customer: &Customer, random: &mut Random) -> (EpisodeKind, Option<Category>, f64) {
    let gap = customer.gap_days;
    match random.weighted([0.30, 0.20, 0.20, 0.14, 0.16].into_iter()) {
        0 => (EpisodeKind::Silence, None, (gap * 7.0).clamp(45.0, 220.0)),
        // Who buys rarely, or little else, cannot be told from a silent customer.
        1 if gap < 25.0 && customer.basket.len() >= 3 => {
            let lost = customer.largest_category();
            (EpisodeKind::CategoryLoss, lost, (gap * 12.0).clamp(90.0, 220.0))
        }
        2 | 1 => (EpisodeKind::MarginDiscount, None, (gap * 9.0).clamp(60.0, 200.0)),
        3 => (EpisodeKind::MarginCost, None, (gap * 9.0).clamp(60.0, 200.0)),
        _ => (EpisodeKind::Growth, None, 120.0),
    }
}

fn spell(
    settings: &Settings,
    kind: EpisodeKind,
    category: Option<Category>,
    day: f64,
    length: f64,
) -> Episode {
    let at = |day: f64| {
        let offset = round(day * 86_400.0) * 1000;
        WorkTime::at(settings.start + Span::from_millis(offset))
    };
    Episode { kind, category, from: at(day), to: at(day + length) }
}

/// The categories of a basket whose complement is missing from it.
pub(super) fn without_complement(
    basket: &[(Category, f64)],
) -> impl Iterator<Item = Category> + '_ {
    let owned = |category| basket.iter().any(|(c, _)| *c == category);
    let bought = basket.iter().map(|(category, _)| *category);
    bought.filter(move |category| complement(*category).is_some_and(|c| !owned(c)))
}
