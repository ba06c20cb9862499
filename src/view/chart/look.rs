//! How a chart looks: widths and colours.
//!
//! A page's chart follows its reader's light or dark setting by itself; where a viewer ignores that, it is light on its own
//! light ground. A picture cannot follow anything, so its theme is chosen. Plain colours, and others for dark readers behind
//! them: variables would leave everything black in many viewers.

/// The ground of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// For whom a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its width in units of the SVG, between 320 and 2000.
    pub(super) width: u16,
    /// The size of its text, in the same units.
    pub(super) text: u8,
    /// One theme, or whichever the reader has.
    theme: Option<Theme>,
}

impl Look {
    /// Beside a page: as wide as a page's text, in the reader's theme.
    #[must_use]
    pub const fn page() -> Self {
        Self { width: 880, text: 12, theme: None }
    }

    /// For a telephone: narrow, with text that is still read when the picture is as wide as a hand.
    #[must_use]
    pub const fn phone(theme: Theme) -> Self {
        Self { width: 540, text: 14, theme: Some(theme) }
    }

    /// The same in one theme, whatever the reader has.
    #[must_use]
    pub const fn only(self, theme: Theme) -> Self {
        Self { theme: Some(theme), ..self }
    }

    /// The `<style>` of the SVG.
    pub(super) fn style(self) -> String {
        let size = self.text;
        let colours = match self.theme {
            Some(Theme::Light) => LIGHT.to_owned(),
            Some(Theme::Dark) => DARK.to_owned(),
            None => format!("{LIGHT}@media (prefers-color-scheme:dark){{{DARK}}}"),
        };
        format!(
            "<style>text{{font-family:system-ui,-apple-system,'Segoe UI',Inter,'DejaVu Sans',sans-serif;font-size:{size}px}}\
             .title{{font-size:{}px;font-weight:600}}{SHAPE}{colours}</style>\n",
            size + 3
        )
    }
}

const SHAPE: &str = ".name{font-weight:600}\
.halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}\
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}\
.grid{stroke-width:1}.day{stroke-width:1;opacity:.5}.change{stroke-width:1.6}\
.limit{fill:none}.limit.warn{stroke-width:1.5;stroke-dasharray:8 4}.limit.fail{stroke-width:1.8;stroke-dasharray:2 3}\
.bwarn,.bfail{opacity:.16}.gap{opacity:.14}.hatch{stroke-width:1.4}.quiet{stroke-width:1.2}";

const LIGHT: &str = "text{fill:#1f2328}.soft{fill:#59636e}.paper{fill:#ffffff}.halo{stroke:#ffffff}\
.grid{stroke:#d8dee4}.day,.change{stroke:#59636e}.line{stroke:#0969da}.dot{fill:#0969da}\
.warn{stroke:#9a6700}.fail{stroke:#cf222e}.twarn,.bwarn{fill:#9a6700}.tfail,.bfail{fill:#cf222e}\
.gap{fill:#59636e}.quiet{stroke:#59636e}";

const DARK: &str = "text{fill:#e6edf3}.soft{fill:#9198a1}.paper{fill:#0d1117}.halo{stroke:#0d1117}\
.grid{stroke:#30363d}.day,.change{stroke:#9198a1}.line{stroke:#58a6ff}.dot{fill:#58a6ff}\
.warn{stroke:#d29922}.fail{stroke:#f85149}.twarn,.bwarn{fill:#d29922}.tfail,.bfail{fill:#f85149}\
.gap{fill:#9198a1}.quiet{stroke:#9198a1}";
