/// Of the standard normal distribution: 95%, two-sided.
const Z: f64 = 1.959_963_984_540_054;

/// The 95% score interval of a rate of `of` (Wilson, 1927); `None` where nothing was counted. For drawing: it is too
/// narrow at its ends to let anything go without people.
pub fn wilson(happened: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let (n, z2) = (of as f64, Z * Z);
    let p = happened.min(of) as f64 / n;
    let middle = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z2 / n;
    Some((((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::wilson;

    /// Newcombe (1998), table I, method 3.
    #[test]
    fn published_numbers() {
        for (happened, of, low, high) in [
            (81, 263, "0.2553", "0.3662"),
            (15, 148, "0.0624", "0.1605"),
            (0, 20, "0.0000", "0.1611"),
            (1, 29, "0.0061", "0.1718"),
        ] {
            let told = wilson(happened, of).map(|(low, high)| (format!("{low:.4}"), format!("{high:.4}")));
            assert_eq!(told, Some((low.to_owned(), high.to_owned())), "{happened} of {of}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
