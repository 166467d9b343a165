//! What is made of a whole list, by the book: sums, means, and the chains of `||` and `&&` that
//! `exists` and `all` are.

use siaga::rule::expression::BinaryOp;
use siaga::rule::expression::Expr;

use crate::windows::worth::Broken;
use crate::windows::worth::Worth;
use crate::windows::worth::arithmetic;
use crate::windows::worth::less;
use crate::windows::worth::same;
use crate::windows::worth::zero;

/// `a || b || …` (absorbing true) or `a && b && …`: what decides, decides; else an error is one.
pub(crate) fn folded(
    all: impl IntoIterator<Item = Result<bool, Broken>>,
    or: bool,
) -> Result<bool, Broken> {
    let mut broken = false;
    let mut decided = false;
    for one in all {
        decided |= one == Ok(or);
        broken |= one.is_err();
    }
    if decided {
        Ok(or)
    } else if broken {
        Err(Broken)
    } else {
        Ok(!or)
    }
}

pub(crate) fn total(
    worths: impl IntoIterator<Item = Result<Worth, Broken>>,
    nothing: Worth,
) -> Result<Worth, Broken> {
    let mut sum = None;
    for worth in worths {
        let worth = worth?;
        sum = Some(match sum {
            None if worth == Worth::Null => return Err(Broken),
            None => worth,
            Some(sum) => arithmetic(BinaryOp::Add, &sum, &worth)?,
        });
    }
    Ok(sum.unwrap_or(nothing))
}

/// What is made of a value for each item; `measure` tells the type of the sum of nothing.
pub(crate) fn reduced(
    method: &str,
    worths: Vec<Result<Worth, Broken>>,
    measure: &[Expr],
) -> Result<Worth, Broken> {
    let truth = |worth: Result<Worth, Broken>| match worth? {
        Worth::Bool(truth) => Ok(truth),
        _ => Err(Broken),
    };
    let count = worths.len();
    if let "exists" | "all" = method {
        let truths = worths.into_iter().map(truth);
        return folded(truths, method == "exists").map(Worth::Bool);
    }
    if method == "exists_one" {
        let truths: Result<Vec<bool>, Broken> = worths.into_iter().map(truth).collect();
        return Ok(Worth::Bool(truths?.iter().filter(|truth| **truth).count() == 1));
    }
    let worths: Vec<Worth> = worths.into_iter().collect::<Result<_, _>>()?;
    if method == "distinct" {
        let mut seen: Vec<&Worth> = Vec::new();
        for worth in &worths {
            if !seen.iter().any(|known| same(known, worth)) {
                seen.push(worth);
            }
        }
        return Ok(Worth::Int(i64::try_from(seen.len()).unwrap()));
    }
    if worths.contains(&Worth::Null) {
        return Err(Broken);
    }
    match method {
        "sum" => total(worths.into_iter().map(Ok), zero(measure)),
        "avg" if count == 0 => Ok(Worth::Null),
        "avg" => {
            let sum = total(worths.into_iter().map(Ok), Worth::Null)?;
            #[expect(clippy::cast_precision_loss, reason = "a count of items")]
            let count = Worth::Double(count as f64);
            arithmetic(BinaryOp::Divide, &sum, &count)
        }
        "min" | "max" => {
            let mut best: Option<Worth> = None;
            for worth in worths {
                best = Some(match best {
                    None => worth,
                    Some(b) if method == "min" => {
                        if less(&worth, &b)? {
                            worth
                        } else {
                            b
                        }
                    }
                    Some(b) => {
                        if less(&b, &worth)? {
                            worth
                        } else {
                            b
                        }
                    }
                });
            }
            Ok(best.unwrap_or(Worth::Null))
        }
        "median" => quantile(&worths, 0.5),
        "stddev" if count < 2 => Ok(Worth::Null),
        "stddev" => {
            let numbers: Vec<f64> = worths.iter().map(Worth::number).collect::<Result<_, _>>()?;
            #[expect(clippy::cast_precision_loss, reason = "a count of items")]
            let count = count as f64;
            let mean = numbers.iter().sum::<f64>() / count;
            let squares: f64 = numbers.iter().map(|n| (n - mean) * (n - mean)).sum();
            Ok(Worth::Double((squares / (count - 1.0)).sqrt()))
        }
        other => unreachable!("{other} is not generated"),
    }
}

/// The value at `share · (n − 1)` of the values in order; between two of them in proportion.
#[expect(clippy::cast_possible_truncation, reason = "a place in a short list")]
#[expect(clippy::cast_precision_loss, reason = "a place in a short list, a small amount")]
#[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
pub(crate) fn quantile(worths: &[Worth], share: f64) -> Result<Worth, Broken> {
    let numbers: Result<Vec<f64>, Broken> = worths.iter().map(Worth::number).collect();
    let mut numbers = numbers?;
    numbers.sort_by(f64::total_cmp);
    let Some(last) = numbers.len().checked_sub(1) else { return Ok(Worth::Null) };
    let place = share * last as f64;
    let (low, high) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
    let between = place - place.floor();
    Ok(match worths[0] {
        Worth::Money(_) => {
            let (low, high) = ((low * 1e6).round(), (high * 1e6).round());
            Worth::Money(low as i128 + ((high - low) * between).round() as i128)
        }
        _ => Worth::Double(low + (high - low) * between),
    })
}
