//! "Did you mean …?" for names that must be known.

/// ` (did you mean "x"?)` for the nearest known name, or nothing when none is near.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let name = name.get(..64.min(name.len())).unwrap_or_default();
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| format!(" (did you mean \"{candidate}\"?)"))
        .unwrap_or_default()
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    let at = |rows: &[Vec<usize>], i: usize, j: usize| rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let last = row.last().copied().unwrap_or(0);
            let mut best = (at(&rows, i, j) + usize::from(x != y)).min(at(&rows, i, j + 1) + 1).min(last + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&rows, i - 1, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    at(&rows, a.len(), b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["review", "quorum", "expires", "message", "risk", "id"];
        assert_eq!(suggestion("reveiw", known), " (did you mean \"review\"?)");
        assert_eq!(suggestion("quorom", known), " (did you mean \"quorum\"?)");
        assert_eq!(suggestion("Expires", known), " (did you mean \"expires\"?)");
        assert_eq!(suggestion("banana", known), "");
        assert_eq!(suggestion("", known), "");
    }
}
