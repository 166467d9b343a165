//! Which name did the author mean?
//!
//! The distance of two names is how many letters have to be put in, left out, exchanged or
//! swapped with their neighbour: `topik` → `topic` is 1, `cutsomer` → `customer` is 1.
//!
//! Source: Damerau, "A technique for computer detection and correction of spelling errors", 1964,
//! in the form where no letter is touched twice (optimal string alignment).

/// A longer name is cut off: the work grows with the product of both lengths.
const LETTERS_MAX: usize = 64;

/// The nearest of the candidates, where one is near enough to be a slip: a third of its letters.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = name.chars().take(LETTERS_MAX).collect();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (distance(&letters, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(far, candidate)| {
            *far <= (candidate.chars().count().max(letters.len()) / 3).max(1)
        })
        .filter(|(far, candidate)| *far < candidate.chars().count())
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Letters to put in, leave out, exchange or swap; a wrong case is no difference.
fn distance(a: &[char], b: &[char]) -> usize {
    let same = |x: char, y: char| x.to_lowercase().eq(y.to_lowercase());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, &x) in a.iter().enumerate() {
        let mut current = vec![row + 1; b.len() + 1];
        for (column, &y) in b.iter().enumerate() {
            let exchanged = above[column] + usize::from(!same(x, y));
            let swapped = row > 0
                && column > 0
                && same(x, b[column - 1])
                && same(a[row - 1], y)
                && !same(x, y);
            let swap = if swapped { before[column - 1] + 1 } else { usize::MAX };
            current[column + 1] =
                exchanged.min(above[column + 1] + 1).min(current[column] + 1).min(swap);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = ["topic", "time", "customer", "labels", "keep_firing_for", "for", "on"];
        for (slip, want) in [
            ("topik", Some("topic")),
            ("cutsomer", Some("customer")),
            ("Customer", Some("customer")),
            ("label", Some("labels")),
            ("keep_firing", Some("keep_firing_for")),
            ("fro", Some("for")),
            ("opportunity", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(suggest(slip, names), want, "{slip}");
        }
    }
}
