//! What was sold, line by line? Signs, net amounts and costs are settled here.
//!
//! ```text
//! net  = net_amount, else unit_price × quantity − discount
//! cost = unit_cost × quantity
//! return, credit memo: quantity, net, cost and discount are negative, however they are written
//! ```

use crate::event::Kind;
use crate::event::Line;
use crate::event::Symbol;
use crate::event::decode::form::Name;
use crate::event::decode::form::Value;
use crate::event::decode::refusal::Refusal;
use crate::event::mapping::Field;
use crate::event::symbol;
use crate::money::Currency;
use crate::money::Decimal;

/// Lines of one order.
pub(crate) const LINES_MAX: usize = 10_000;

/// A line as written, before its order's kind is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LineDraft {
    line: Line,
    quantity: Option<Decimal>,
    unit_price: Option<Decimal>,
    unit_cost: Option<Decimal>,
    pub(crate) currency: Option<Currency>,
}

/// The fields that make a record without a list of lines an order of one line.
pub(crate) const FLAT: u64 = flat();

const fn flat() -> u64 {
    use Field::Brand;
    use Field::Category;
    use Field::Discount;
    use Field::NetAmount;
    use Field::ProductId;
    use Field::Quantity;
    use Field::UnitCost;
    use Field::UnitPrice;
    let fields = [ProductId, Quantity, UnitPrice, UnitCost, NetAmount, Discount, Category, Brand];
    let (mut set, mut index) = (0, 0);
    while index < fields.len() {
        set |= 1 << (fields[index] as u8);
        index += 1;
    }
    set
}

impl LineDraft {
    /// Takes a field of a line; `false` when lines have no such field.
    pub(crate) fn set(
        &mut self,
        field: Field,
        value: Value<'_>,
        name: Name<'_>,
        symbols: &mut symbol::Writer<'_>,
    ) -> Result<bool, Refusal> {
        let mut intern = |id| -> Result<_, Refusal> { value.symbol(name, id, symbols) };
        match field {
            Field::ProductId => self.line.product = intern(true)?,
            Field::Category => self.line.category = intern(false)?,
            Field::Brand => self.line.brand = intern(false)?,
            Field::Promotion => self.line.promotion = intern(false)?,
            Field::Quantity => self.quantity = value.decimal(name)?,
            Field::UnitPrice => self.unit_price = value.decimal(name)?,
            Field::UnitCost => self.unit_cost = value.decimal(name)?,
            Field::NetAmount => self.line.net = value.decimal(name)?,
            Field::Discount => self.line.discount = value.decimal(name)?,
            Field::NonProduct => self.line.non_product = value.flag(name)?.unwrap_or(false),
            Field::LineNo => self.line.number = line_number(value, name)?,
            Field::Currency => self.currency = value.currency(name)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes what was sold.
    #[inline]
    pub(crate) fn set_names(
        &mut self,
        product: Option<Symbol>,
        category: Option<Symbol>,
        brand: Option<Symbol>,
    ) {
        (self.line.product, self.line.category, self.line.brand) = (product, category, brand);
    }

    /// Takes how many were sold, for what in all, and what was taken off.
    #[inline]
    pub(crate) fn set_amounts(
        &mut self,
        quantity: Option<Decimal>,
        net: Option<Decimal>,
        discount: Option<Decimal>,
    ) {
        (self.quantity, self.line.net, self.line.discount) = (quantity, net, discount);
    }

    /// Takes what one costs the customer, and us.
    #[inline]
    pub(crate) fn set_prices(&mut self, price: Option<Decimal>, cost: Option<Decimal>) {
        (self.unit_price, self.unit_cost) = (price, cost);
    }

    /// Takes the amount of a credit memo that has no lines.
    pub(crate) fn set_amount(&mut self, amount: Decimal) {
        self.line.net = self.line.net.or(Some(amount));
    }

    /// Checks the line of a list.
    pub(crate) fn finish_listed(self, kind: Kind, place: usize) -> Result<Line, Refusal> {
        let goods = matches!(kind, Kind::Order | Kind::Return | Kind::Quote);
        if goods && self.line.product.is_none() && !self.line.non_product {
            return Err(Refusal::MissingField {
                field: format!("lines[{place}].product_id"),
                instead: "write what was sold, or `\"non_product\": true` for a fee",
            });
        }
        if goods && self.quantity.is_none() {
            return Err(Refusal::MissingField {
                field: format!("lines[{place}].quantity"),
                instead: "write how many were sold, e.g. `1`",
            });
        }
        self.finish(kind, Name { within: Some(("lines", place)), key: "" })
    }

    /// Checks the one line of a flat record.
    pub(crate) fn finish_flat(self, kind: Kind) -> Result<Line, Refusal> {
        if self.quantity.is_none() && self.line.net.is_none() && self.unit_price.is_none() {
            return Err(Refusal::MissingField {
                field: "quantity".to_owned(),
                instead: "write how many were sold, or `net_amount`, or a list of `lines`",
            });
        }
        self.finish(kind, Name::top(""))
    }

    fn finish(self, kind: Kind, name: Name<'_>) -> Result<Line, Refusal> {
        let Self { mut line, quantity, unit_price, unit_cost, .. } = self;
        let returned = matches!(kind, Kind::Return | Kind::CreditMemo);
        let signed = |number: Decimal| {
            if returned && number > Decimal::ZERO { number.negated() } else { number }
        };
        let absurd = |key: &'static str| Refusal::NumberOutside {
            field: Name { key, ..name }.text(),
            found: "too large once multiplied by `quantity`".to_owned(),
            expected: "whose product stays within ±1,000,000,000,000",
        };
        // A sale without a quantity is a sale of one; a credit without one moves no goods.
        let unsaid = if kind == Kind::CreditMemo { Decimal::ZERO } else { Decimal::ONE };
        line.quantity = signed(quantity.unwrap_or(unsaid));
        line.discount = line.discount.map(signed);
        line.net = match (line.net, unit_price) {
            (Some(net), _) => Some(signed(net)),
            (None, Some(price)) => {
                let gross = price.checked_mul(line.quantity).ok_or_else(|| absurd("unit_price"))?;
                let net = gross.checked_sub(line.discount.unwrap_or_default());
                Some(net.ok_or_else(|| absurd("unit_price"))?)
            }
            (None, None) => None,
        };
        line.cost = match unit_cost {
            Some(cost) => Some(cost.checked_mul(line.quantity).ok_or_else(|| absurd("unit_cost"))?),
            None => None,
        };
        Ok(line)
    }
}

fn line_number(value: Value<'_>, name: Name<'_>) -> Result<u32, Refusal> {
    let Some(number) = value.decimal(name)? else { return Ok(0) };
    let whole = u32::try_from(number.micros() / Decimal::SCALE).ok();
    whole.filter(|_| number.micros() % Decimal::SCALE == 0).ok_or_else(|| Refusal::NumberOutside {
        field: name.text(),
        found: number.to_string(),
        expected: "that counts lines: 1, 2, 3 …",
    })
}
