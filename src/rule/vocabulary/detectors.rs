//! Which functions ask a detector, what do they take, and which figures do they give? The one table
//! that the checker, the completion, the hover and the reference page read.

use crate::event::EntityKind;
use crate::rule::vocabulary::Type;
use crate::state::detection::AgreementFigure;
use crate::state::detection::Detector;
use crate::state::detection::DiscountFigure;
use crate::state::detection::DroppedFigure;
use crate::state::detection::Figure;
use crate::state::detection::LossFigure;
use crate::state::detection::MarginFigure;
use crate::state::detection::PaceFigure;
use crate::state::detection::ReturnsFigure;
use crate::state::detection::TrendFigure;

/// A function that asks a detector.
#[derive(Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// What follows the list.
    pub detector: Detector,
    /// What it is asked of: a list, or the entity itself.
    pub of: Of,
    /// A call that says all it needs, for messages.
    pub example: &'static str,
    /// Whether a second argument is needed, and of which type.
    pub argument: Option<Type>,
    /// What it gives.
    pub gives: Gives,
}

/// What a function is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A list of events.
    Events,
    /// A list of lines.
    Lines,
    /// The rep, the product, the customer, in rules over those: what belongs to it is known.
    Entity(EntityKind),
}

/// What a function gives.
#[derive(Debug)]
pub enum Gives {
    /// One value.
    One(Figure, Type),
    /// Fields.
    Fields(&'static [FigureField]),
}

/// A field: name, figure, type, what it means.
pub type FigureField = (&'static str, Figure, Type, &'static str);

/// All of them.
pub static DETECTORS: [Signature; 14] = [
    Signature {
        name: "p_alive",
        detector: Detector::Purchases,
        of: Of::Events,
        example: "p_alive(orders)",
        argument: None,
        gives: Gives::One(Figure::PAlive, Type::Double),
    },
    Signature {
        name: "expected_purchases",
        detector: Detector::Purchases,
        of: Of::Events,
        example: "expected_purchases(orders, '28d')",
        argument: Some(Type::Span),
        gives: Gives::One(Figure::ExpectedPurchases, Type::Double),
    },
    Signature {
        name: "drift_deadline",
        detector: Detector::Purchases,
        of: Of::Events,
        example: "drift_deadline(orders, 0.5)",
        argument: Some(Type::Double),
        gives: Gives::One(Figure::DriftDeadline, Type::Span),
    },
    Signature {
        name: "p_active",
        detector: Detector::Regularity,
        of: Of::Events,
        example: "p_active(orders)",
        argument: None,
        gives: Gives::One(Figure::PActive, Type::Double),
    },
    Signature {
        name: "silence_limit",
        detector: Detector::Regularity,
        of: Of::Events,
        example: "silence_limit(orders, 0.5)",
        argument: Some(Type::Double),
        gives: Gives::One(Figure::SilenceLimit, Type::Span),
    },
    Signature {
        name: "category_dropped",
        detector: Detector::Categories,
        of: Of::Lines,
        example: "category_dropped(lines, 0.05)",
        argument: Some(Type::Double),
        gives: Gives::Fields(&DROPPED),
    },
    Signature {
        name: "category_loss",
        detector: Detector::Categories,
        of: Of::Lines,
        example: "category_loss(lines, 3.0)",
        argument: Some(Type::Double),
        gives: Gives::Fields(&LOSS),
    },
    Signature {
        name: "margin_shift",
        detector: Detector::Margin,
        of: Of::Lines,
        example: "margin_shift(lines)",
        argument: None,
        gives: Gives::Fields(&MARGIN),
    },
    Signature {
        name: "discount_shift",
        detector: Detector::Discount,
        of: Of::Lines,
        example: "discount_shift(lines)",
        argument: None,
        gives: Gives::Fields(&DISCOUNT),
    },
    Signature {
        name: "trend",
        detector: Detector::Trend,
        of: Of::Events,
        example: "trend(orders)",
        argument: None,
        gives: Gives::Fields(&TREND),
    },
    Signature {
        name: "sentiment",
        detector: Detector::Mood,
        of: Of::Events,
        example: "sentiment(interactions)",
        argument: None,
        gives: Gives::One(Figure::Mood, Type::Double),
    },
    Signature {
        name: "pace",
        detector: Detector::Pace,
        of: Of::Entity(EntityKind::Rep),
        example: "pace(rep)",
        argument: None,
        gives: Gives::Fields(&PACE),
    },
    Signature {
        name: "agreement",
        detector: Detector::Agreement,
        of: Of::Entity(EntityKind::Customer),
        example: "agreement(customer)",
        argument: None,
        gives: Gives::Fields(&AGREEMENT),
    },
    Signature {
        name: "return_rate",
        detector: Detector::Returns,
        of: Of::Entity(EntityKind::Product),
        example: "return_rate(product)",
        argument: None,
        gives: Gives::Fields(&RETURNS),
    },
];

const PACE: [FigureField; 6] = [
    (
        "p_attain",
        Figure::Pace(PaceFigure::PAttain),
        Type::Double,
        "the chance that the quota of the running period is reached; null without one, as all below",
    ),
    (
        "expected",
        Figure::Pace(PaceFigure::Expected),
        Type::Money,
        "what will have been sold by the end of the period",
    ),
    ("gap", Figure::Pace(PaceFigure::Gap), Type::Money, "the shortfall to be expected"),
    ("sold", Figure::Pace(PaceFigure::Sold), Type::Money, "sold in the period so far"),
    (
        "attainment",
        Figure::Pace(PaceFigure::Attainment),
        Type::Double,
        "that as a share of the quota",
    ),
    (
        "elapsed",
        Figure::Pace(PaceFigure::Elapsed),
        Type::Double,
        "share of the period that is over",
    ),
];

const AGREEMENT: [FigureField; 8] = [
    (
        "commitment",
        Figure::Agreement(AgreementFigure::Commitment),
        Type::Money,
        "revenue promised in the agreement that runs now; null without one, as all below",
    ),
    (
        "bought",
        Figure::Agreement(AgreementFigure::Bought),
        Type::Money,
        "bought in its term so far, returns taken off",
    ),
    (
        "projected",
        Figure::Agreement(AgreementFigure::Projected),
        Type::Money,
        "what will have been bought by its end",
    ),
    (
        "gap",
        Figure::Agreement(AgreementFigure::Gap),
        Type::Double,
        "share of the commitment that will be missing; null in the first quarter of the term",
    ),
    (
        "leakage",
        Figure::Agreement(AgreementFigure::Leakage),
        Type::Money,
        "given away beyond the agreed discount",
    ),
    (
        "leakage_rate",
        Figure::Agreement(AgreementFigure::LeakageRate),
        Type::Double,
        "that as a share of what was bought",
    ),
    (
        "elapsed",
        Figure::Agreement(AgreementFigure::Elapsed),
        Type::Double,
        "share of the term that is over",
    ),
    ("ends", Figure::Agreement(AgreementFigure::Ends), Type::Time, "first instant after the term"),
];

const RETURNS: [FigureField; 6] = [
    (
        "alarm",
        Figure::Returns(ReturnsFigure::Alarm),
        Type::Bool,
        "whether more units come back than used to",
    ),
    ("since", Figure::Returns(ReturnsFigure::Since), Type::Time, "since when; null without alarm"),
    (
        "usual",
        Figure::Returns(ReturnsFigure::Usual),
        Type::Double,
        "share that came back of the first 500 units, and of 90 days at least; null before those",
    ),
    ("rate", Figure::Returns(ReturnsFigure::Rate), Type::Double, "share that has come back since"),
    ("sold", Figure::Returns(ReturnsFigure::Sold), Type::Double, "units sold since"),
    (
        "returned",
        Figure::Returns(ReturnsFigure::Returned),
        Type::Double,
        "units that came back since",
    ),
];

const LOSS: [FigureField; 6] = [
    ("count", Figure::Loss(LossFigure::Count), Type::Int, "how many categories were given up"),
    (
        "category",
        Figure::Loss(LossFigure::Category),
        Type::Text,
        "the one of them that was given up last; null when there is none",
    ),
    ("since", Figure::Loss(LossFigure::Since), Type::Time, "when it was last bought"),
    ("gap", Figure::Loss(LossFigure::Gap), Type::Span, "how long the customer used to wait for it"),
    ("purchases", Figure::Loss(LossFigure::Purchases), Type::Int, "days on which it was bought"),
    (
        "next",
        Figure::Loss(LossFigure::Next),
        Type::Time,
        "when the next category will be lost if nothing is bought",
    ),
];

const DROPPED: [FigureField; 6] = [
    (
        "count",
        Figure::Dropped(DroppedFigure::Count),
        Type::Int,
        "how many categories are hardly bought any more, by the lines of others since",
    ),
    (
        "category",
        Figure::Dropped(DroppedFigure::Category),
        Type::Text,
        "the one of them whose loss is clearest; null when there is none, as all below",
    ),
    ("since", Figure::Dropped(DroppedFigure::Since), Type::Time, "when it was last bought"),
    (
        "gap",
        Figure::Dropped(DroppedFigure::Gap),
        Type::Span,
        "how long the customer used to wait for it",
    ),
    (
        "missed",
        Figure::Dropped(DroppedFigure::Missed),
        Type::Int,
        "lines of other categories since",
    ),
    (
        "chance",
        Figure::Dropped(DroppedFigure::Chance),
        Type::Double,
        "the chance that it is still bought",
    ),
];

const DISCOUNT: [FigureField; 7] = [
    (
        "alarm",
        Figure::Discount(DiscountFigure::Alarm),
        Type::Bool,
        "whether the discount has risen above the customer's own normal one, and not come back",
    ),
    (
        "strength",
        Figure::Discount(DiscountFigure::Strength),
        Type::Double,
        "how clear the rise is: 1 raises the alarm, below a half ends it",
    ),
    (
        "since",
        Figure::Discount(DiscountFigure::Since),
        Type::Time,
        "the last order before the rise; null without alarm",
    ),
    (
        "usual",
        Figure::Discount(DiscountFigure::Usual),
        Type::Double,
        "the normal discount as a share of the list amount, of the first 10 orders; null before those",
    ),
    (
        "recent",
        Figure::Discount(DiscountFigure::Recent),
        Type::Double,
        "the same since all was last well; null where it is well",
    ),
    ("orders", Figure::Discount(DiscountFigure::Orders), Type::Int, "orders since then"),
    (
        "extra",
        Figure::Discount(DiscountFigure::Extra),
        Type::Money,
        "what was given in them beyond the usual share",
    ),
];

const MARGIN: [FigureField; 11] = [
    (
        "alarm",
        Figure::Margin(MarginFigure::Alarm),
        Type::Bool,
        "whether the margin has fallen below the customer's own normal, and not come back",
    ),
    (
        "strength",
        Figure::Margin(MarginFigure::Strength),
        Type::Double,
        "how clear the fall is: 1 raises the alarm, below a half ends it",
    ),
    (
        "since",
        Figure::Margin(MarginFigure::Since),
        Type::Time,
        "when the fall began; null without alarm",
    ),
    (
        "usual",
        Figure::Margin(MarginFigure::Usual),
        Type::Double,
        "the normal margin, of the first 20 orders; null before those",
    ),
    (
        "recent",
        Figure::Margin(MarginFigure::Recent),
        Type::Double,
        "the margin since all was last well; null where it is well",
    ),
    ("orders", Figure::Margin(MarginFigure::Orders), Type::Int, "orders since then"),
    (
        "price",
        Figure::Margin(MarginFigure::Price),
        Type::Money,
        "gross profit lost since then by list prices; below zero where it was won",
    ),
    ("discount", Figure::Margin(MarginFigure::Discount), Type::Money, "lost by discounts"),
    ("cost", Figure::Margin(MarginFigure::Cost), Type::Money, "lost by what the goods cost us"),
    ("mix", Figure::Margin(MarginFigure::Mix), Type::Money, "lost by the choice of products"),
    ("gap", Figure::Margin(MarginFigure::Gap), Type::Money, "all four, to the cent"),
];

const TREND: [FigureField; 7] = [
    (
        "alarm",
        Figure::Trend(TrendFigure::Alarm),
        Type::Bool,
        "whether the weekly spend has moved for good, the season removed",
    ),
    (
        "strength",
        Figure::Trend(TrendFigure::Strength),
        Type::Double,
        "how clear the movement is: 1 raises the alarm, below a half ends it",
    ),
    (
        "direction",
        Figure::Trend(TrendFigure::Direction),
        Type::Text,
        "`fall` or `rise`; null without alarm",
    ),
    ("since", Figure::Trend(TrendFigure::Since), Type::Time, "when it began; null without alarm"),
    ("level", Figure::Trend(TrendFigure::Level), Type::Money, "spent a week by now"),
    ("slope", Figure::Trend(TrendFigure::Slope), Type::Money, "by how much that changes a week"),
    (
        "usual",
        Figure::Trend(TrendFigure::Usual),
        Type::Money,
        "spent a week in the first 20 weeks; null before those are over",
    ),
];

/// The function of this name.
pub fn signature(name: &str) -> Option<&'static Signature> {
    DETECTORS.iter().find(|signature| signature.name == name)
}

/// The fields of what a function finds.
pub fn figures(function: &str) -> impl Iterator<Item = &'static FigureField> {
    let fields = signature(function).map_or(&[][..], |signature| match signature.gives {
        Gives::One(..) => &[],
        Gives::Fields(fields) => fields,
    });
    fields.iter()
}

/// The function and the field, if it has any, that give a figure.
pub fn name_of(figure: Figure) -> (&'static str, Option<&'static str>) {
    let named = |signature: &'static Signature| match signature.gives {
        Gives::One(known, _) => (known == figure).then_some((signature.name, None)),
        Gives::Fields(fields) => {
            let field = fields.iter().find(|(_, known, ..)| *known == figure);
            field.map(|(field, ..)| (signature.name, Some(*field)))
        }
    };
    DETECTORS.iter().find_map(named).unwrap_or(("", None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::vocabulary::FUNCTIONS;

    #[test]
    fn every_detector_is_among_the_functions_and_its_figures_have_one_name() {
        for signature in &DETECTORS {
            let usage = FUNCTIONS.iter().find(|(name, _)| *name == signature.name);
            let usage = usage.map(|(_, usage)| *usage).unwrap_or_default();
            assert!(usage.contains(signature.example), "{}: {usage}", signature.name);
            match signature.gives {
                Gives::One(figure, _) => assert_eq!(name_of(figure), (signature.name, None)),
                Gives::Fields(fields) => {
                    for (field, figure, ..) in fields {
                        assert_eq!(name_of(*figure), (signature.name, Some(*field)));
                    }
                }
            }
        }
    }
}
