//! Who lives in the demo? Customers with a rhythm, a basket, a price level; reps with a territory.
//!
//! ```text
//! segment ─► basket of categories ─► favourite products ─┐
//! size    ─► value of an order line ─► tier ─► discount  ├─► what the customer is expected to buy
//! rhythm  ─► days between two orders ────────────────────┘   a year ─► agreements, reps' quotas
//! ```
//!
//! Everybody is invented and named so that nobody takes them for real.

use crate::demo::Settings;
use crate::demo::calendar::WorkTime;
use crate::demo::catalogue::Catalogue;
use crate::demo::catalogue::Category;
use crate::demo::catalogue::ProductIndex;
use crate::demo::catalogue::complement;
use crate::demo::episode;
use crate::demo::episode::Episode;
use crate::demo::episode::EpisodeKind;
use crate::demo::random::Random;
use crate::demo::random::Stream;
use crate::demo::random::float;
use crate::demo::random::round;

/// Everybody and everything, before the first day.
#[derive(Debug)]
pub(super) struct World {
    pub(super) catalogue: Catalogue,
    pub(super) customers: Vec<Customer>,
    pub(super) reps: Vec<Rep>,
}

/// One invented company.
#[derive(Debug)]
pub(super) struct Customer {
    /// `demo-c0017`.
    pub(super) id: String,
    /// `Synthetic Metalworks 0017`.
    pub(super) name: String,
    pub(super) segment: &'static str,
    pub(super) tier: &'static str,
    /// Place of its rep in [`World::reps`].
    pub(super) rep: usize,
    pub(super) consent_marketing: bool,
    /// Mean days between two orders.
    pub(super) gap_days: f64,
    /// Categories with their weights, each once.
    pub(super) basket: Vec<(Category, f64)>,
    /// What it buys of each category of the basket.
    pub(super) favourites: Vec<[ProductIndex; 2]>,
    /// Usual cents of an order line.
    pub(super) line_cents: f64,
    /// Usual discount in hundredths of a per cent.
    pub(super) discount_bp: i64,
    /// A category whose complement it buys elsewhere.
    pub(super) lacks_complement_of: Option<Category>,
    /// The yearly agreement, if it has one.
    pub(super) agreement: Option<Agreement>,
    /// What is going to happen to it.
    pub(super) episodes: Vec<Episode>,
}

/// What a customer has promised to buy in a year.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreement {
    pub(super) planned_cents: i64,
    /// Whether that is more than the customer is likely to buy.
    pub(super) behind: bool,
}

/// One sales person without a name.
#[derive(Debug)]
pub(super) struct Rep {
    /// `demo-r07`.
    pub(super) id: String,
    pub(super) territory: &'static str,
    /// Cents a quarter.
    pub(super) quota_cents: i64,
    pub(super) episodes: Vec<Episode>,
}

/// Mean lines of an order.
pub(super) const LINES_MEAN: f64 = 3.0;

const SEGMENTS: [(&str, [&str; 4]); 8] = [
    ("Metalworks", ["Welding", "Abrasives", "Power tools", "Fasteners"]),
    ("Joinery", ["Fasteners", "Power tools", "Adhesives", "Storage"]),
    ("Automotive", ["Hand tools", "Pneumatics", "Abrasives", "Adhesives"]),
    ("Facility", ["Electrical", "Storage", "Hand tools", "Safety"]),
    ("Construction", ["Fasteners", "Safety", "Power tools", "Electrical"]),
    ("Shipyard", ["Welding", "Safety", "Pneumatics", "Abrasives"]),
    ("Plant", ["Pneumatics", "Electrical", "Welding", "Storage"]),
    ("Farm", ["Hand tools", "Welding", "Fasteners", "Adhesives"]),
];

/// Where reps sell; managers have one territory each.
pub(super) const TERRITORIES: [&str; 4] = ["North", "East", "South", "West"];

impl World {
    /// The world of these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        let reps_count = usize::from(settings.reps.max(1));
        let catalogue = Catalogue::new(settings.seed);
        let customers: Vec<Customer> = (0..settings.customers as usize)
            .map(|index| customer(settings, &catalogue, index, index % reps_count))
            .collect();
        let mut reps: Vec<Rep> = (0..reps_count).map(|index| rep(settings, index)).collect();
        for customer in &customers {
            // Silences and slumps cost a sixth of what a year without them would bring.
            reps[customer.rep].quota_cents += round(customer.yearly_cents(&catalogue) * 0.84 / 4.0);
        }
        for (index, rep) in reps.iter_mut().enumerate() {
            // Most quotas are within reach, one in four is not.
            let asked = [0.92, 1.03, 0.95, 0.90][index % 4];
            rep.quota_cents = round(float(rep.quota_cents) * asked);
            rep.quota_cents -= rep.quota_cents.rem_euclid(100_000);
        }
        Self { catalogue, customers, reps }
    }
}

impl Customer {
    /// What it is expected to buy in a year, in cents.
    pub(super) fn yearly_cents(&self, catalogue: &Catalogue) -> f64 {
        // A line holds at least one piece, and some pieces cost more than a usual line.
        let line = |product: &ProductIndex| {
            self.line_cents.max(float(catalogue.product(*product).list_price))
        };
        let (mut cents, mut weights) = (0.0, 0.0);
        for ((_, weight), products) in self.basket.iter().zip(&self.favourites) {
            cents += weight * products.iter().map(line).sum::<f64>() / 2.0;
            weights += weight;
        }
        let kept = 1.0 - float(self.discount_bp) / 10_000.0;
        365.0 / self.gap_days * LINES_MEAN * kept * cents / weights
    }

    /// The category it buys most of.
    pub(super) fn largest_category(&self) -> Option<Category> {
        let largest = self.basket.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        largest.map(|(category, _)| *category)
    }

    /// The episode of this kind that goes on.
    pub(super) fn current(&self, kind: EpisodeKind, at: WorkTime) -> Option<&Episode> {
        self.episodes.iter().find(|episode| episode.kind == kind && episode.covers(at))
    }

    /// What an ordinary call can be about: categories whose complement it buys, too.
    pub(super) fn topics(&self) -> impl Iterator<Item = Category> + '_ {
        let lacking: Vec<Category> = episode::without_complement(&self.basket).collect();
        let bought = self.basket.iter().map(|(category, _)| *category);
        bought.filter(move |category| !lacking.contains(category))
    }

    /// The weights of its basket; nothing for a category that is lost at the moment.
    pub(super) fn weights(
        &self,
        without: Option<Category>,
    ) -> impl Iterator<Item = f64> + Clone + '_ {
        let weight = move |(category, weight): &(Category, f64)| {
            if Some(*category) == without { 0.0 } else { *weight }
        };
        self.basket.iter().map(weight)
    }
}

impl Rep {
    /// Whether a slump goes on.
    pub(super) fn slumps(&self, at: WorkTime) -> bool {
        self.episodes.iter().any(|episode| episode.covers(at))
    }

    /// The territory's manager.
    pub(super) fn manager_id(&self) -> String {
        manager_id(self.territory)
    }
}

fn customer(settings: &Settings, catalogue: &Catalogue, index: usize, rep: usize) -> Customer {
    let mut random = Random::new(settings.seed, Stream::Customer, index);
    let (segment, core) = SEGMENTS[random.index(SEGMENTS.len())];
    // Many order weekly or fortnightly, some hardly ever: 5 to 60 days.
    let gap_days = 5.0 * 12.0_f64.powf(random.unit().powf(1.6));
    let line_cents = 14_000.0 * random.factor(0.55);
    let (basket, lacks_complement_of) = basket(core, &mut random);
    let favourites = basket
        .iter()
        .map(|(category, _)| [(); 2].map(|()| Catalogue::choose(*category, &mut random)))
        .collect();
    let mut customer = Customer {
        id: format!("demo-c{:04}", index + 1),
        name: format!("Synthetic {segment} {:03}", index + 1),
        segment,
        tier: "C",
        rep,
        consent_marketing: random.chance(0.85),
        gap_days,
        basket,
        favourites,
        line_cents,
        discount_bp: 0,
        lacks_complement_of,
        agreement: None,
        episodes: Vec::new(),
    };
    let yearly = customer.yearly_cents(catalogue);
    let (tier, least, most) = match yearly {
        large if large > 2_400_000.0 => ("A", 900, 1_600),
        middling if middling > 900_000.0 => ("B", 500, 1_200),
        _ => ("C", 200, 800),
    };
    customer.tier = tier;
    customer.discount_bp = random.whole(least, most);
    if tier == "A" && random.chance(0.5) {
        let ratio = random.between(0.8, 1.35);
        let planned_cents = round(yearly * ratio / 100_000.0) * 100_000;
        customer.agreement = Some(Agreement { planned_cents, behind: ratio > 1.2 });
    }
    customer.episodes = episode::of_customer(settings, index, &customer);
    customer
}

/// What a customer of a segment buys, and of what it buys the complement elsewhere.
fn basket(core: [&str; 4], random: &mut Random) -> (Vec<(Category, f64)>, Option<Category>) {
    let mut basket: Vec<(Category, f64)> = Vec::new();
    for (category, weight) in core.into_iter().filter_map(Category::named).zip([4.0, 3.0, 2.0, 1.5])
    {
        if basket.len() < 2 || random.chance(0.6) {
            basket.push((category, weight * random.factor(0.3)));
        }
    }
    for category in Category::all() {
        let owned = basket.iter().any(|(c, _)| *c == category);
        if !owned && random.chance(0.12) {
            basket.push((category, random.between(0.8, 1.6)));
        }
    }
    loop {
        let missing = episode::without_complement(&basket).find_map(complement);
        let Some(missing) = missing else { break };
        basket.push((missing, random.between(0.7, 1.4)));
    }
    // Four in ten buy one complement elsewhere: the chances for cross-selling.
    let pairs: Vec<Category> =
        basket.iter().map(|(c, _)| *c).filter(|c| complement(*c).is_some()).collect();
    if pairs.is_empty() || !random.chance(0.4) {
        return (basket, None);
    }
    let called_about = pairs[random.index(pairs.len())];
    basket.retain(|(category, _)| complement(called_about) != Some(*category));
    (basket, Some(called_about))
}

fn rep(settings: &Settings, index: usize) -> Rep {
    let mut random = Random::new(settings.seed, Stream::Rep, index);
    Rep {
        id: format!("demo-r{:02}", index + 1),
        territory: TERRITORIES[index % TERRITORIES.len()],
        quota_cents: 0,
        episodes: episode::of_rep(settings, &mut random),
    }
}

/// The manager of a territory: `demo-m-north`.
pub(super) fn manager_id(territory: &str) -> String {
    format!("demo-m-{}", territory.to_ascii_lowercase())
}

/// Cents, from a share of cents in hundredths of a per cent.
pub(super) fn share(cents: i64, basis_points: i64) -> i64 {
    round(float(cents * basis_points) / 10_000.0)
}
