//! Models as bytes, so that a version can be kept in the journal and read by another process.
//!
//! ```text
//! form │ version, instant, customers, orders, currency │ names │ segments │ team │ pairs │ …
//! ```
//!
//! Numbers are little-endian and of fixed length, so that every bit comes back. Names are written
//! once, in front: a [`Symbol`] is a number of this process. Reading checks lengths before it
//! reserves anything; a defect is an error, never a panic or a gigabyte.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::event::Symbol;
use crate::event::Symbols;
use crate::money::Currency;
use crate::state::detector::conversion::Conversion;
use crate::state::detector::repeat_buying::RepeatBuying;
use crate::state::detector::rhythm::Population;
use crate::state::detector::season::Season;
use crate::state::models::Models;
use crate::state::models::Outcomes;
use crate::state::models::Segment;
use crate::state::models::affinity::Affinity;
use crate::state::models::affinity::Category;
use crate::state::models::affinity::Together;
use crate::state::models::figures::Figures;
use crate::state::models::service::ServiceRates;
use crate::state::models::switching::Switching;
use crate::state::models::switching::TypeOfProduct;
use crate::state::models::team::Team;
use crate::time::Timestamp;

/// The form that is written; any other is refused.
const FORM: u8 = 2;

/// The name of the models' entries in the journal.
pub const ENTRY: &str = "models";

/// Why bytes are no models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// They were written by another version of the program.
    #[error("models of form {0}, and this program reads form {FORM}: learn them anew")]
    Form(u8),
    /// They end too soon.
    #[error("the models end in the middle: they were cut off")]
    Short,
    /// They do not fit together.
    #[error("the models do not fit together: they are damaged")]
    Damaged,
}

/// A version as bytes.
pub fn encode(models: &Models, symbols: &Symbols) -> Vec<u8> {
    let mut out = Out { names: Vec::new(), places: HashMap::new(), bytes: Vec::new() };
    out.models(models);
    let Out { names, bytes, .. } = out;
    let mut whole = Out { names: Vec::new(), places: HashMap::new(), bytes: vec![FORM] };
    let reader = symbols.read();
    whole.length(names.len());
    for name in &names {
        whole.text(reader.text(*name));
    }
    whole.bytes.extend_from_slice(&bytes);
    whole.bytes
}

/// The version that [`encode`] wrote, with the names of this process.
pub fn decode(bytes: &[u8], symbols: &Symbols) -> Result<Models, FormError> {
    let mut read = In { rest: bytes, names: Vec::new() };
    match read.array::<1>()? {
        [FORM] => {}
        [other] => return Err(FormError::Form(other)),
    }
    let names = read.many(4, In::text)?;
    let mut writer = symbols.write();
    read.names = names.iter().map(|name| writer.intern(name)).collect();
    drop(writer);
    let models = read.models()?;
    if read.rest.is_empty() { Ok(models) } else { Err(FormError::Damaged) }
}

/// Bytes that are written, and the names that they speak of.
struct Out {
    names: Vec<Symbol>,
    places: HashMap<Symbol, u32>,
    bytes: Vec<u8>,
}

impl Out {
    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    fn long(&mut self, long: u64) {
        self.bytes.extend_from_slice(&long.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.word(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn double(&mut self, double: f64) {
        self.long(double.to_bits());
    }

    fn single(&mut self, single: f32) {
        self.word(single.to_bits());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn maybe(&mut self, double: Option<f64>) {
        self.bytes.push(u8::from(double.is_some()));
        self.double(double.unwrap_or(0.0));
    }

    fn name(&mut self, name: Symbol) {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(name).or_insert_with(|| {
            self.names.push(name);
            next
        });
        self.word(place);
    }

    fn models(&mut self, models: &Models) {
        self.word(models.version);
        self.long(u64::from_ne_bytes(models.fitted_to.millis().to_ne_bytes()));
        self.long(models.customers);
        self.long(models.orders);
        self.text(models.currency.as_ref().map_or("", Currency::as_str));
        self.segment(&models.all);
        self.length(models.segments.len());
        for (name, segment) in &models.segments {
            self.name(*name);
            self.segment(segment);
        }
        self.team(&models.team);
        self.affinity(&models.affinity);
        self.kind_of_product(&models.switching.all);
        self.length(models.switching.types.len());
        for (name, found) in &models.switching.types {
            self.name(*name);
            self.kind_of_product(found);
        }
        self.double(models.service.minute_cost());
        self.length(models.service.minutes().len());
        for (kind, minutes) in models.service.minutes() {
            self.text(kind);
            self.double(*minutes);
        }
        self.length(models.outcomes.len());
        for (rule, outcomes) in &models.outcomes {
            self.text(rule);
            self.word(outcomes.won);
            self.word(outcomes.lost);
        }
    }

    fn segment(&mut self, segment: &Segment) {
        let Population { repeat_buying, gap_median_days } = segment.population;
        let RepeatBuying { r, alpha_days, a, b } = repeat_buying;
        self.word(segment.customers);
        for number in [r, alpha_days, a, b, gap_median_days] {
            self.double(number);
        }
        self.double(segment.gap_spread);
        self.double(segment.spend_variance);
        self.double(segment.margin_deviation);
        self.doubles(segment.season.factors());
        for figures in [&segment.net, &segment.profit] {
            self.word(figures.customers());
            self.doubles(figures.percentiles());
        }
    }

    fn doubles(&mut self, doubles: &[f64]) {
        self.length(doubles.len());
        for double in doubles {
            self.double(*double);
        }
    }

    fn team(&mut self, team: &Team) {
        self.doubles(&team.curve);
        self.word(team.periods);
        self.maybe(team.order_size);
        self.word(team.conversion.won);
        self.word(team.conversion.lost);
    }

    fn kind_of_product(&mut self, found: &TypeOfProduct) {
        self.double(found.rate);
        self.double(found.share);
        self.word(found.customers);
    }

    fn affinity(&mut self, affinity: &Affinity) {
        self.length(affinity.categories().len());
        for category in affinity.categories() {
            self.name(category.name);
            self.double(category.net);
            self.maybe(category.margin);
        }
        for together in [&affinity.baskets, &affinity.owners] {
            self.double(together.total());
            self.singles(together.counts());
            self.singles(together.divisors());
            self.length(together.weights().len());
            for weights in together.weights() {
                self.length(weights.len());
                for (to, weight) in weights {
                    self.word(u32::from(*to));
                    self.single(*weight);
                }
            }
        }
    }

    fn singles(&mut self, singles: &[f32]) {
        self.length(singles.len());
        for single in singles {
            self.single(*single);
        }
    }
}

/// Bytes that are read.
struct In<'a> {
    rest: &'a [u8],
    names: Vec<Symbol>,
}

impl<'a> In<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], FormError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(FormError::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormError> {
        self.bytes(N)?.try_into().map_err(|_| FormError::Short)
    }

    fn word(&mut self) -> Result<u32, FormError> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Result<u64, FormError> {
        self.array().map(u64::from_le_bytes)
    }

    fn double(&mut self) -> Result<f64, FormError> {
        self.long().map(f64::from_bits)
    }

    fn single(&mut self) -> Result<f32, FormError> {
        self.word().map(f32::from_bits)
    }

    fn text(&mut self) -> Result<&'a str, FormError> {
        let length = self.word()? as usize;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| FormError::Damaged)
    }

    fn maybe(&mut self) -> Result<Option<f64>, FormError> {
        let [known] = self.array()?;
        let double = self.double()?;
        Ok((known != 0).then_some(double))
    }

    fn name(&mut self) -> Result<Symbol, FormError> {
        let place = self.word()? as usize;
        self.names.get(place).copied().ok_or(FormError::Damaged)
    }

    /// A list whose items take `least` bytes each, at the least.
    fn many<T>(
        &mut self,
        least: usize,
        one: impl Fn(&mut Self) -> Result<T, FormError>,
    ) -> Result<Vec<T>, FormError> {
        let length = self.word()? as usize;
        if length > self.rest.len() / least {
            return Err(FormError::Short);
        }
        (0..length).map(|_| one(self)).collect()
    }

    fn models(&mut self) -> Result<Models, FormError> {
        let version = self.word()?;
        let millis = i64::from_ne_bytes(self.long()?.to_ne_bytes());
        let fitted_to = Timestamp::from_millis(millis).map_err(|_| FormError::Damaged)?;
        let (customers, orders) = (self.long()?, self.long()?);
        let currency = match self.text()? {
            "" => None,
            code => Some(Currency::parse(code).map_err(|_| FormError::Damaged)?),
        };
        let all = self.segment()?;
        let segments = self.many(64, |read| Ok((read.name()?, read.segment()?)))?;
        let team = self.team()?;
        let affinity = self.affinity()?;
        let all_types = self.kind_of_product()?;
        let types = self.many(24, |read| Ok((read.name()?, read.kind_of_product()?)))?;
        let minute_cost = self.double()?;
        let minutes = self.many(12, |read| Ok((read.text()?.to_owned(), read.double()?)))?;
        let outcomes = self.many(12, |read| {
            let rule = read.text()?.to_owned();
            Ok((rule, Outcomes { won: read.word()?, lost: read.word()? }))
        })?;
        Ok(Models {
            version,
            fitted_to,
            customers,
            orders,
            currency,
            all,
            segments: segments.into_iter().collect(),
            team,
            affinity,
            switching: Switching { all: all_types, types: types.into_iter().collect() },
            service: ServiceRates::restored(minutes.into_iter().collect(), minute_cost),
            outcomes: BTreeMap::from_iter(outcomes),
        })
    }

    fn segment(&mut self) -> Result<Segment, FormError> {
        let customers = self.word()?;
        let [r, alpha_days, a, b, gap_median_days] =
            [self.double()?, self.double()?, self.double()?, self.double()?, self.double()?];
        let repeat_buying = RepeatBuying { r, alpha_days, a, b };
        Ok(Segment {
            customers,
            population: Population { repeat_buying, gap_median_days },
            gap_spread: self.double()?,
            spend_variance: self.double()?,
            margin_deviation: self.double()?,
            season: Season::of(self.many(8, Self::double)?),
            net: self.figures()?,
            profit: self.figures()?,
        })
    }

    fn figures(&mut self) -> Result<Figures, FormError> {
        let customers = self.word()?;
        Ok(Figures::restored(customers, self.many(8, Self::double)?))
    }

    fn team(&mut self) -> Result<Team, FormError> {
        Ok(Team {
            curve: self.many(8, Self::double)?,
            periods: self.word()?,
            order_size: self.maybe()?,
            conversion: Conversion { won: self.word()?, lost: self.word()? },
        })
    }

    fn kind_of_product(&mut self) -> Result<TypeOfProduct, FormError> {
        let (rate, share) = (self.double()?, self.double()?);
        Ok(TypeOfProduct { rate, share, customers: self.word()? })
    }

    fn affinity(&mut self) -> Result<Affinity, FormError> {
        let categories = self.many(21, |read| {
            Ok(Category { name: read.name()?, net: read.double()?, margin: read.maybe()? })
        })?;
        let size = categories.len();
        let baskets = self.together(size)?;
        let owners = self.together(size)?;
        Ok(Affinity::new(categories, baskets, owners))
    }

    /// Pairs of so many categories.
    fn together(&mut self, size: usize) -> Result<Together, FormError> {
        let total = self.double()?;
        let counts = self.many(4, Self::single)?;
        let divisors = self.many(4, Self::single)?;
        let weights = self.many(4, |read| read.many(8, Self::weight))?;
        if (counts.len(), divisors.len(), weights.len()) != (size * (size + 1) / 2, size, size) {
            return Err(FormError::Damaged);
        }
        Ok(Together::new(counts, total, weights, divisors))
    }

    fn weight(&mut self) -> Result<(u16, f32), FormError> {
        let to = u16::try_from(self.word()?).map_err(|_| FormError::Damaged)?;
        Ok((to, self.single()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fitting;
    use crate::model::learner::tests::shop;

    #[test]
    fn every_bit_comes_back_also_in_a_process_with_other_numbers_for_names() {
        let symbols = Symbols::default();
        let models = fitting::fit(&shop(&symbols, 300).survey(), &Models::default());
        assert!(models.affinity.categories().len() > 3 && !models.segments.is_empty());
        let bytes = encode(&models, &symbols);
        assert_eq!(decode(&bytes, &symbols), Ok(models));
        let other = Symbols::default();
        other.intern("in the way");
        let there = decode(&bytes, &other).unwrap();
        assert_eq!(decode(&encode(&there, &other), &other), Ok(there.clone()));
        assert_eq!(encode(&there, &other).len(), bytes.len());
        let start = Models::default();
        assert_eq!(decode(&encode(&start, &symbols), &symbols), Ok(start));
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_refused() {
        let symbols = Symbols::default();
        let bytes = encode(&Models::default(), &symbols);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], &symbols).is_err(), "{cut}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode(&longer, &symbols), Err(FormError::Damaged));
        let mut other = bytes;
        other[0] = 9;
        assert_eq!(decode(&other, &symbols), Err(FormError::Form(9)));
    }
}
