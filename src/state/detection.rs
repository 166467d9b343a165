//! What can a rule ask of a detector? The detectors as functions of lists: what each is fed with,
//! and which figures it gives.
//!
//! ```text
//! margin_shift(lines)                            .alarm .since .price .discount .cost .mix .gap
//! └ Detector: fed event by event, in their order └ Figure: read as of now
//! ```
//!
//! The value of a figure is what the detector gives when it is fed with the whole list. Over
//! everything ever seen its state is kept from event to event, see [`kept`]; over a window it is
//! fed anew, see [`walked`].

mod agreement;
mod discount;
mod drift;
pub mod kept;
mod margin;
mod pace;
mod returns;
mod trend;
pub mod walked;

pub use self::agreement::AgreementFigure;
pub use self::agreement::Bought;
pub use self::discount::DiscountFigure;
pub use self::drift::DroppedFigure;
pub use self::drift::LossFigure;
pub use self::margin::MarginFigure;
pub use self::pace::PaceFigure;
pub use self::pace::SalesByDay;
pub use self::returns::Returns;
pub use self::returns::ReturnsFigure;
pub use self::trend::TrendFigure;
use serde::Deserialize;
use serde::Serialize;

use crate::event::Kind;
use crate::event::Symbol;
use crate::event::Symbols;
use crate::event::reference::Agreement;
use crate::event::reference::Rep;
use crate::money::Currency;
use crate::money::Decimal;
use crate::state::Entity;
use crate::state::catalog::Catalog;
use crate::state::detector::category_loss::CategorySlots;
use crate::state::detector::discount_shift::DiscountShift;
use crate::state::detector::margin::MarginRule;
use crate::state::detector::margin_shift::MarginShift;
use crate::state::detector::purchase_days::PurchaseDays;
use crate::state::detector::regularity::Regularity;
use crate::state::detector::sentiment::Sentiment;
use crate::state::detector::trend::Trend;
use crate::state::detector::trend::TrendRule;
use crate::state::item::Body;
use crate::state::models::Segment;
use crate::state::models::team::Team;
use crate::state::program::NodeId;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Span;
use crate::time::Timestamp;

/// How long ago an event may have happened that still comes in its place: so long the history is
/// kept where a rule asks a detector.
pub const REACH: Span = Span::from_millis(730 * Span::DAY.millis());

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detector {
    /// Days with a purchase, for P(alive).
    Purchases,
    /// Days with a purchase and the regularity of their gaps.
    Regularity,
    /// The categories bought most, for those that are not bought any more.
    Categories,
    /// The margin of orders against the customer's own normal one.
    Margin,
    /// The discount on orders against the customer's own normal one.
    Discount,
    /// Weekly spend.
    Trend,
    /// The mood of what was said.
    Mood,
    /// A rep's sales against the quota.
    Pace,
    /// Units of a product that come back.
    Returns,
    /// What is bought under a customer's agreement.
    Agreement,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// The chance that the customer has not left.
    PAlive,
    /// Purchases to come within the length of time asked for.
    ExpectedPurchases,
    /// Silence after which P(alive) has fallen to the level asked for.
    DriftDeadline,
    /// The chance that the customer has not left, by the regularity of its gaps.
    PActive,
    /// Silence after which that has fallen to the level asked for.
    SilenceLimit,
    /// Categories that were given up, by days.
    Loss(LossFigure),
    /// Categories that were given up, by lines.
    Dropped(DroppedFigure),
    /// The margin and the causes of its fall.
    Margin(MarginFigure),
    /// The discount and its rise.
    Discount(DiscountFigure),
    /// Weekly spend.
    Trend(TrendFigure),
    /// Mean mood.
    Mood,
    /// A rep's period.
    Pace(PaceFigure),
    /// Returns of a product.
    Returns(ReturnsFigure),
    /// A customer's agreement.
    Agreement(AgreementFigure),
}

/// A figure of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// What is asked.
    pub figure: Figure,
    /// What follows the list.
    pub detector: Detector,
    /// The list.
    pub over: Over,
    /// What the figure is asked for: a level, a length of time.
    pub argument: Option<NodeId>,
}

/// The list that is followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// Everything ever seen, kept at this place of the plan.
    Ever(u16),
    /// A part of the history, fed anew.
    Part(Source, Vec<Stage>),
}

/// What one detector has made of its list so far. Snapshots hold the number of the variant, and its
/// fields in their order: a new one comes at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// See [`Detector::Purchases`].
    Purchases(Option<PurchaseDays>),
    /// See [`Detector::Regularity`].
    Regularity(Option<Regularity>),
    /// See [`Detector::Categories`].
    Categories(CategorySlots<Symbol>),
    /// See [`Detector::Margin`].
    Margin(Box<MarginShift>),
    /// See [`Detector::Discount`].
    Discount(Box<DiscountShift>),
    /// See [`Detector::Trend`].
    Trend(Option<Box<Trend>>),
    /// See [`Detector::Mood`].
    Mood(Sentiment),
    /// See [`Detector::Pace`].
    Pace(SalesByDay),
    /// See [`Detector::Returns`].
    Returns(Box<Returns>),
    /// See [`Detector::Agreement`].
    Agreement(Box<Bought>),
    /// It met an event that it could not take in: the list has no such figure.
    Broken(Fault),
}

/// An event as a detector sees it, with those of its lines that are in the list.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// What happened.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// Whether its amounts are in another currency than the entity's first event was.
    pub foreign: bool,
    /// Mood of what was said.
    pub mood: Option<Decimal>,
    /// Its lines.
    pub lines: &'a [Body],
}

/// What a detector knows beside its list.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// What is usual for such customers.
    pub usual: &'a Segment,
    /// The customer's agreements.
    pub contracts: &'a [Agreement],
}

/// What a figure is read with.
pub struct View<'a> {
    /// The entity's clock.
    pub now: Timestamp,
    /// What is known beside the list.
    pub basis: Basis<'a>,
    /// What is usual among reps.
    pub team: &'a Team,
    /// The rep whose figures they are.
    pub rep: Option<&'a Rep>,
    /// Currency of the entity's amounts.
    pub home: Option<Currency>,
    /// Texts.
    pub symbols: &'a Symbols,
    /// What the figure is asked for.
    pub argument: Option<Value>,
}

impl<'a> Basis<'a> {
    /// What is known of an entity.
    pub(crate) fn of(entity: &Entity, catalog: &'a Catalog) -> Self {
        let segment = entity.profile().and_then(|profile| profile.segment);
        let customer = entity.history.customer();
        let contracts = customer.map_or(&[][..], |customer| catalog.agreements(customer));
        Self { usual: catalog.models().segment(segment), contracts }
    }

    /// How margins are watched.
    fn margin_rule(self) -> MarginRule {
        MarginRule { deviation_prior: self.usual.margin_deviation, ..MarginRule::START }
    }

    /// How weekly spend is watched. The start's variance is that of one retailer's customers:
    /// before another is learned, each customer's own level tells what to expect.
    fn trend_rule(self) -> TrendRule {
        let variance_prior = self.usual.spend_variance;
        if variance_prior.total_cmp(&TrendRule::START.variance_prior).is_eq() {
            return TrendRule::UNLEARNED;
        }
        TrendRule { variance_prior, deviation_of_mean: 0.0, ..TrendRule::UNLEARNED }
    }
}

impl Sample<'_> {
    /// Net amount of its lines, in the entity's currency.
    fn net(&self) -> Result<Decimal, Fault> {
        if self.foreign {
            return Err(Fault::Currencies);
        }
        self.lines.iter().try_fold(Decimal::ZERO, |sum, line| {
            sum.checked_add(line.net.ok_or(Fault::Missing)?).ok_or(Fault::Overflow)
        })
    }
}

impl Detector {
    /// Whether its list is one of lines; else it is one of events.
    pub fn is_of_lines(self) -> bool {
        matches!(self, Self::Categories | Self::Margin | Self::Discount)
    }

    /// Whether events of a kind are fed to it, if it follows this list.
    pub(crate) fn takes(self, list: List, kind: Kind) -> bool {
        match self {
            // What comes back belongs to what was sold.
            Self::Pace | Self::Returns | Self::Agreement => {
                List::Orders.holds(kind) || List::Returns.holds(kind)
            }
            _ => list.holds(kind),
        }
    }

    /// Before anything happened.
    pub(crate) fn start(self) -> State {
        match self {
            Self::Purchases => State::Purchases(None),
            Self::Regularity => State::Regularity(None),
            Self::Categories => State::Categories(CategorySlots::default()),
            Self::Margin => State::Margin(Box::default()),
            Self::Discount => State::Discount(Box::default()),
            Self::Trend => State::Trend(None),
            Self::Mood => State::Mood(Sentiment::default()),
            Self::Pace => State::Pace(SalesByDay::default()),
            Self::Returns => State::Returns(Box::default()),
            Self::Agreement => State::Agreement(Box::default()),
        }
    }
}

impl State {
    /// Takes the next event of the list in.
    pub(crate) fn feed(&mut self, basis: Basis<'_>, sample: &Sample<'_>) {
        let fed = match self {
            Self::Purchases(days) => {
                drift::purchase(days, sample.time);
                Ok(())
            }
            Self::Regularity(days) => {
                drift::gap(days, sample.time);
                Ok(())
            }
            Self::Categories(slots) => {
                drift::categories(slots, sample);
                Ok(())
            }
            Self::Margin(shift) => margin::feed(shift, basis, sample),
            Self::Discount(shift) => discount::feed(shift, basis, sample),
            Self::Trend(trend) => trend::feed(trend, basis, sample),
            Self::Mood(mood) => {
                if let Some(said) = sample.mood {
                    mood.add(sample.time, said.to_f64());
                }
                Ok(())
            }
            Self::Pace(sales) => sales.feed(sample),
            Self::Returns(returns) => {
                returns.feed(sample);
                Ok(())
            }
            Self::Agreement(bought) => bought.feed(basis.contracts, sample),
            Self::Broken(_) => Ok(()),
        };
        if let Err(fault) = fed {
            *self = Self::Broken(fault);
        }
    }

    /// A figure as of now.
    pub(crate) fn read(&self, figure: Figure, view: &View<'_>) -> Result<Value, Fault> {
        match (self, figure) {
            (Self::Broken(fault), _) => Err(*fault),
            (Self::Purchases(days), figure) => drift::read(days.as_ref(), figure, view),
            (Self::Regularity(days), figure) => drift::regular(days.as_ref(), figure, view),
            (Self::Categories(slots), Figure::Loss(figure)) => drift::loss(slots, figure, view),
            (Self::Categories(slots), Figure::Dropped(figure)) => {
                drift::dropped(slots, figure, view)
            }
            (Self::Margin(shift), Figure::Margin(figure)) => margin::read(shift, figure, view),
            (Self::Discount(shift), Figure::Discount(figure)) => {
                discount::read(shift, figure, view)
            }
            (Self::Trend(trend), Figure::Trend(figure)) => {
                trend::read(trend.as_deref(), figure, view)
            }
            (Self::Mood(mood), Figure::Mood) => Ok(Value::Double(mood.mean(view.now))),
            (Self::Pace(sales), Figure::Pace(figure)) => sales.read(figure, view),
            (Self::Returns(returns), Figure::Returns(figure)) => Ok(returns.read(figure)),
            (Self::Agreement(bought), Figure::Agreement(figure)) => {
                bought.read(view.basis.contracts, figure, view)
            }
            _ => Err(Fault::Type),
        }
    }

    /// Heap bytes that it occupies.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Categories(slots) => slots.heap_bytes(),
            Self::Margin(shift) => size_of::<MarginShift>() + shift.heap_bytes(),
            Self::Discount(_) => size_of::<DiscountShift>(),
            Self::Trend(Some(_)) => size_of::<Trend>(),
            Self::Pace(sales) => sales.heap_bytes(),
            Self::Returns(_) => size_of::<Returns>(),
            Self::Agreement(_) => size_of::<Bought>(),
            _ => 0,
        }
    }
}
