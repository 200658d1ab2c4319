//! Plots as SVG, without script: each says in words what it shows, and has a table behind it.

mod days;
mod heat;
mod intervals;
mod scatter;
mod steps;

use maud::{Markup, html};

pub(crate) use days::days;
pub(crate) use heat::heat;
pub(crate) use intervals::intervals;
pub(crate) use scatter::scatter;
pub(crate) use steps::steps;

/// Width of every plot, in its own units.
const WIDTH: f64 = 640.0;

/// A plot with the table behind it.
fn figure(title: &str, height: f64, drawn: &Markup, table: &Markup) -> Markup {
    html! {
        figure {
            svg.plot viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(title) { (drawn) }
            details { summary { "As a table" } (table) }
        }
    }
}

/// One decimal is finer than a screen.
fn at(place: f64) -> String {
    format!("{place:.1}")
}

/// `85 ms`, `12.3 s`, `4.5 min`, `2.1 h`, `3.0 d`
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms as f64 / 1e3;
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=119_999 => format!("{seconds:.1} s"),
        120_000..=7_199_999 => format!("{:.1} min", seconds / 60.0),
        7_200_000..=172_799_999 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// `97%`, `0.4%`
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        small if small < 1.0 && small > 0.0 => format!("{small:.1}%"),
        rest => format!("{rest:.0}%"),
    }
}

/// `3 of 40 (8%)`
pub(crate) fn of(count: u64, all: u64) -> String {
    match all {
        0 => format!("{count} of 0"),
        all => format!("{count} of {all} ({})", percent(count as f64 / all as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, of, percent};

    #[test]
    fn numbers_as_people_read_them() {
        let told = [85, 1_500, 150_000, 9_000_000, 259_200_000].map(duration);
        assert_eq!(told, ["85 ms", "1.5 s", "2.5 min", "2.5 h", "3.0 d"]);
        assert_eq!([0.0, 0.004, 0.085, 1.0].map(percent), ["0%", "0.4%", "8%", "100%"]);
        assert_eq!([of(3, 40), of(0, 0)], ["3 of 40 (8%)", "0 of 0"]);
    }
}
