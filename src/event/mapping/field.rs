//! Which fields does a record have? The vocabulary that mappings and decoders share.
//!
//! ```text
//! "qty" ──mapping──► Field::Quantity ──► "quantity", as records and rules write it
//! ```

/// Makes the enum and its table of names from one list, so that they cannot disagree.
macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// A field of the line form.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(crate) enum Field {
            $($variant,)*
            /// A field outside of the vocabulary.
            Unknown,
        }

        impl Field {
            /// Every field of the vocabulary.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in the line form.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown => "a field outside of the vocabulary",
                }
            }
        }
    };
}

fields! {
    EventId = "event_id",
    Record = "record",
    Type = "type",
    Kind = "kind",
    Status = "status",
    OccurredAt = "occurred_at",
    CustomerId = "customer_id",
    RepId = "rep_id",
    Territory = "territory",
    Channel = "channel",
    OrderId = "order_id",
    QuoteId = "quote_id",
    Currency = "currency",
    Source = "source",
    Lines = "lines",
    LineNo = "line_no",
    ProductId = "product_id",
    Category = "category",
    Brand = "brand",
    Quantity = "quantity",
    UnitPrice = "unit_price",
    UnitCost = "unit_cost",
    NetAmount = "net_amount",
    Discount = "discount",
    Promotion = "promotion",
    NonProduct = "non_product",
    Topic = "topic",
    Subject = "subject",
    Outcome = "outcome",
    Direction = "direction",
    CampaignId = "campaign_id",
    Severity = "severity",
    DurationS = "duration_s",
    Sentiment = "sentiment",
    Amount = "amount",
    Count = "count",
    Name = "name",
    Segment = "segment",
    Tier = "tier",
    OwnerRepId = "owner_rep_id",
    ConsentMarketing = "consent_marketing",
    Consent = "consent",
    ListPrice = "list_price",
    Versions = "versions",
    Title = "title",
    ManagerId = "manager_id",
    Territories = "territories",
    TerritoryHistory = "territory_history",
    Seniority = "seniority",
    Quotas = "quotas",
    AgreementId = "agreement_id",
    From = "from",
    To = "to",
    Relation = "relation",
    PlannedAmount = "planned_amount",
    PlannedQuantity = "planned_quantity",
    DiscountRate = "discount_rate",
    Stream = "stream",
    SpecVersion = "specversion",
}

const _: () = assert!(Field::ALL.len() <= 64, "a set of fields is one u64");

impl Field {
    /// The field of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|field| field.name() == name).copied()
    }

    /// Its bit in a set of fields; fields outside of the vocabulary have none.
    pub(crate) fn bit(self) -> u64 {
        if self == Self::Unknown { 0 } else { 1 << (self as u8) }
    }

    /// The field whose name is nearest to a mistyped one, if one is near.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        let names = Self::ALL.iter().map(|field| field.name());
        names
            .map(|known| (edits(name, known), known))
            .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
            .min()
            .map(|(_, known)| known)
    }
}

/// How many letters have to be changed, put in or left out (Wagner and Fischer, 1974).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_field_finds_its_neighbour() {
        for (typed, want) in [
            ("quantitiy", Some("quantity")),
            ("customer", Some("customer_id")),
            ("ocurred_at", Some("occurred_at")),
            ("unit_prise", Some("unit_price")),
            ("zzzzzzzz", None),
        ] {
            assert_eq!(Field::nearest(typed), want, "{typed}");
        }
    }

    #[test]
    fn a_field_is_its_name_and_one_bit() {
        let mut all = 0_u64;
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(*field));
            assert_eq!(all & field.bit(), 0, "{}", field.name());
            all |= field.bit();
        }
    }
}
