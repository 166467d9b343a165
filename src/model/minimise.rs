//! Where is a function of a few numbers least? Nelder and Mead's simplex, without derivatives.
//!
//! The points are compared by value and then by age, so the path is the same each time. Source:
//! Nelder and Mead, "A simplex method for function minimization", Computer Journal 1965.

use crate::state::detector::count;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Evaluations at most.
    pub evaluations: u32,
    /// Spread of the values at which the simplex has settled.
    pub tolerance: f64,
}

type Point = (Vec<f64>, f64);

/// The least point found from `start`, with its value; `step` is the size of the first simplex.
/// A value that is not a number counts as infinitely large.
pub fn minimise(
    function: impl Fn(&[f64]) -> f64,
    start: &[f64],
    step: f64,
    effort: Effort,
) -> (Vec<f64>, f64) {
    let mut left = effort.evaluations;
    let mut value = |point: &[f64]| {
        left = left.saturating_sub(1);
        let value = function(point);
        (if value.is_nan() { f64::INFINITY } else { value }, left)
    };
    let mut simplex: Vec<Point> = vec![(start.to_vec(), value(start).0)];
    for index in 0..start.len() {
        let mut corner = start.to_vec();
        corner[index] += step;
        let at = value(&corner).0;
        simplex.push((corner, at));
    }
    loop {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let last = simplex.len() - 1;
        let (best, second_worst, worst) = (simplex[0].1, simplex[last - 1].1, simplex[last].1);
        let centre = centre(&simplex[..last]);
        let towards = |factor: f64| -> Vec<f64> {
            let away = centre.iter().zip(&simplex[last].0);
            away.map(|(centre, worst)| centre + factor * (centre - worst)).collect()
        };
        let reflected = towards(1.0);
        let (at, left) = value(&reflected);
        if left == 0 || (worst - best).abs() <= effort.tolerance {
            break;
        }
        if at < best {
            let expanded = towards(2.0);
            let further = value(&expanded).0;
            simplex[last] = if further < at { (expanded, further) } else { (reflected, at) };
        } else if at < second_worst {
            simplex[last] = (reflected, at);
        } else {
            let contracted = towards(if at < worst { 0.5 } else { -0.5 });
            let nearer = value(&contracted).0;
            if nearer < worst.min(at) {
                simplex[last] = (contracted, nearer);
            } else {
                let anchor = simplex[0].0.clone();
                for (point, at) in &mut simplex[1..] {
                    point.iter_mut().zip(&anchor).for_each(|(x, a)| *x = a + 0.5 * (*x - a));
                    *at = value(point).0;
                }
            }
        }
    }
    simplex.swap_remove(0)
}

fn centre(points: &[Point]) -> Vec<f64> {
    let mut sum = vec![0.0; points.first().map_or(0, |(point, _)| point.len())];
    for (point, _) in points {
        sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
    }
    sum.into_iter().map(|sum| sum / count(points.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_of_a_bent_valley_is_found() {
        // Rosenbrock, "An automatic method for finding the greatest or least value", 1960.
        let valley = |p: &[f64]| 100.0 * (p[1] - p[0] * p[0]).powi(2) + (1.0 - p[0]).powi(2);
        let effort = Effort { evaluations: 2_000, tolerance: 1e-15 };
        let (point, value) = minimise(valley, &[-1.2, 1.0], 0.5, effort);
        assert!(value < 1e-12, "{value} at {point:?}");
        assert!((point[0] - 1.0).abs() < 1e-5 && (point[1] - 1.0).abs() < 1e-5, "{point:?}");
    }
}
