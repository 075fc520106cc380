//! Terminal output as an SVG, for the README.

use std::fmt::Write as _;

const LINE: usize = 18;
const COLUMN: f64 = 7.83;
const MARGIN: usize = 20;

/// Draw the lines: comments dim, commands bright, the rest plain; `✔` green, `✘` red.
pub(crate) fn svg(lines: &[String]) -> String {
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(80);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a picture's width")]
    let width = (widest as f64 * COLUMN) as usize + 2 * MARGIN;
    let height = lines.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#11151c\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN + LINE * number + 13;
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{}\">{}</text>", colour(line), escape(line));
    }
    svg + "</g>\n</svg>\n"
}

fn colour(line: &str) -> &'static str {
    match line.chars().next() {
        Some('#') => "#7d8ca3",
        Some('$') => "#8ec9ff",
        _ if line.contains('✔') => "#7ee2a8",
        _ if line.contains('✘') || line.starts_with("error") => "#ff9b8f",
        _ => "#d7dde8",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
