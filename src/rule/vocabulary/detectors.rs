//! Which functions ask a detector, what do they take, and which figures do they give? The one table
//! that the checker, the completion, the hover and the reference page read.

use crate::rule::vocabulary::Type;
use crate::state::detection::Detector;
use crate::state::detection::Figure;
use crate::state::detection::LossFigure;
use crate::state::detection::MarginFigure;
use crate::state::detection::TrendFigure;

/// A function that asks a detector.
#[derive(Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// What follows the list.
    pub detector: Detector,
    /// A call that says all it needs, for messages.
    pub example: &'static str,
    /// Whether a second argument is needed, and of which type.
    pub argument: Option<Type>,
    /// What it gives.
    pub gives: Gives,
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
pub static DETECTORS: [Signature; 7] = [
    Signature {
        name: "p_alive",
        detector: Detector::Purchases,
        example: "p_alive(orders)",
        argument: None,
        gives: Gives::One(Figure::PAlive, Type::Double),
    },
    Signature {
        name: "expected_purchases",
        detector: Detector::Purchases,
        example: "expected_purchases(orders, '28d')",
        argument: Some(Type::Span),
        gives: Gives::One(Figure::ExpectedPurchases, Type::Double),
    },
    Signature {
        name: "drift_deadline",
        detector: Detector::Purchases,
        example: "drift_deadline(orders, 0.5)",
        argument: Some(Type::Double),
        gives: Gives::One(Figure::DriftDeadline, Type::Span),
    },
    Signature {
        name: "category_loss",
        detector: Detector::Categories,
        example: "category_loss(lines, 3.0)",
        argument: Some(Type::Double),
        gives: Gives::Fields(&LOSS),
    },
    Signature {
        name: "margin_shift",
        detector: Detector::Margin,
        example: "margin_shift(lines)",
        argument: None,
        gives: Gives::Fields(&MARGIN),
    },
    Signature {
        name: "trend",
        detector: Detector::Trend,
        example: "trend(orders)",
        argument: None,
        gives: Gives::Fields(&TREND),
    },
    Signature {
        name: "sentiment",
        detector: Detector::Mood,
        example: "sentiment(interactions)",
        argument: None,
        gives: Gives::One(Figure::Mood, Type::Double),
    },
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
