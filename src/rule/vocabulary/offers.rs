//! Functions over what was learned across customers, with the fields of the offers that they list:
//! the tables that the checker, the completion, the hover and the reference page read.

use crate::rule::vocabulary::Type;
use crate::state::models::affinity::Meeting;
use crate::state::offers::OfferField;

/// Functions that list offers, with the way in which categories have to go together.
pub const OFFERS: [(&str, Meeting); 2] =
    [("next_best", Meeting::Basket), ("white_space", Meeting::Owner)];

/// What `customer.value_tier` means.
pub const VALUE_TIER: &str = "A, B or C: whether the gross profit of 52 weeks is among the upper fifth of all customers, the upper half, or below; null while few are known";

/// What peers can be asked.
pub const PEER_METHODS: [(&str, &str); 3] = [
    (
        "quantile",
        "`peers(customer.segment).quantile('profit', 0.5)` what a share of them lies below in 52 weeks: gross `'profit'`, or `'net'` amount",
    ),
    (
        "rank",
        "`peers(customer.segment).rank('net', amount)` the share of them that lies below an amount of 52 weeks",
    ),
    ("size", "`peers(customer.segment).size()` how many were looked at"),
];

/// Fields of an offer: name, field, type, what it means.
pub const OFFER_FIELDS: [(&str, OfferField, Type, &str); 8] = [
    ("category", OfferField::Category, Type::Text, "what is offered"),
    (
        "because",
        OfferField::Because,
        Type::Text,
        "the category of the customer's that says most for it",
    ),
    ("p", OfferField::P, Type::Double, "the chance that such customers take it, from 0 to 1"),
    ("lift", OfferField::Lift, Type::Double, "that chance over anybody's"),
    ("buyers", OfferField::Buyers, Type::Int, "customers that buy `because` and this"),
    ("peers", OfferField::Peers, Type::Int, "customers that buy `because`"),
    (
        "net",
        OfferField::Net,
        Type::Money,
        "what its buyers spend on it in a year: the median; null in another currency",
    ),
    (
        "profit",
        OfferField::Profit,
        Type::Money,
        "what is left of that after cost; null where costs are not known",
    ),
];
