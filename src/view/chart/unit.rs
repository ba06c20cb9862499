//! What values count, and values as a chart writes them.

/// What the values of a series count. It is guessed from names, because the runbook language has no units; a wrong guess
/// would be worse than none, so only whole words count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Things, or nobody knows.
    #[default]
    Plain,
    /// Parts of a hundred.
    Percent,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Bytes, shown in powers of 1024.
    Bytes,
}

impl Unit {
    /// From a series' name (`used_bytes`), or from where its value is read (`body.utilization_percent`). A formula tells
    /// nothing: `body.took_ms / 1000` is no longer in milliseconds.
    #[must_use]
    pub fn of(name: &str, path: Option<&str>) -> Self {
        let is_path = |text: &&str| text.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.'));
        let last = path.map(str::trim).filter(is_path).and_then(|path| path.rsplit('.').next());
        let named = |text: &str| {
            text.split(|char: char| !char.is_alphanumeric())
                .map(|word| match word.to_ascii_lowercase().as_str() {
                    "percent" | "pct" => Self::Percent,
                    "ms" | "millis" | "milliseconds" => Self::Millis,
                    "seconds" | "secs" => Self::Seconds,
                    "bytes" => Self::Bytes,
                    _ => Self::Plain,
                })
                .find(|unit| *unit != Self::Plain)
        };
        named(name).or_else(|| last.and_then(named)).unwrap_or_default()
    }

    /// What stands behind the name of a series; bytes say it at each value.
    pub(super) const fn label(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Bytes => None,
            Self::Percent => Some("%"),
            Self::Millis => Some("ms"),
            Self::Seconds => Some("s"),
        }
    }

    /// What stands behind a value that is shown by itself: ` %`, ` ms`; bytes say it already.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Plain | Self::Bytes => "",
            Self::Percent => " %",
            Self::Millis => " ms",
            Self::Seconds => " s",
        }
    }

    /// A value in a few characters, to three or four digits where it is long: `17`, `3.25`, `1.25 M`, `512 MiB`.
    #[must_use]
    pub fn shown(self, value: f64) -> String {
        let (divisor, suffix) = self.scaled(value.abs());
        if divisor == 0.0 {
            return format!("{value:.2e}");
        }
        let scaled = value / divisor;
        let digits = match scaled.abs() {
            0.0 => 0,
            small if small < 0.01 => return format!("{value:.1e}"),
            small if small < 1.0 => 3,
            _ => 2,
        };
        format!("{}{suffix}", trimmed(&format!("{scaled:.digits$}")))
    }

    /// By what a value of this size is divided, and how that is called; by 0 where only powers of ten will do.
    pub(super) fn scaled(self, size: f64) -> (f64, &'static str) {
        const KIB: f64 = 1024.0;
        match (self, size) {
            (Self::Bytes, size) if size < KIB => (1.0, " B"),
            (Self::Bytes, size) if size < KIB * KIB => (KIB, " KiB"),
            (Self::Bytes, size) if size < KIB * KIB * KIB => (KIB * KIB, " MiB"),
            (Self::Bytes, size) if size < 1e15 => (KIB * KIB * KIB, " GiB"),
            (_, size) if size < 1e6 => (1.0, ""),
            (_, size) if size < 1e9 => (1e6, " M"),
            (_, size) if size < 1e12 => (1e9, " G"),
            (_, size) if size < 1e15 => (1e12, " T"),
            _ => (0.0, ""),
        }
    }
}

/// Without zeros behind the point that say nothing; zero has no sign.
pub(super) fn trimmed(number: &str) -> String {
    let short = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}
