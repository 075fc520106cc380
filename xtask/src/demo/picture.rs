//! Terminal output as an SVG, for the README.

use std::fmt::Write as _;

const LINE: usize = 18;
const COLUMN_TENTHS: usize = 79;
const MARGIN: usize = 20;
/// Columns; a longer line is folded, as a terminal does.
const COLUMNS: usize = 120;

/// Draw the lines: comments dim, commands bright, the rest plain; `✔` green, `✘` red.
pub(crate) fn svg(lines: &[String]) -> String {
    let rows: Vec<(&str, String)> = lines.iter().flat_map(|line| fold(line)).collect();
    let width = COLUMNS * COLUMN_TENTHS / 10 + 2 * MARGIN;
    let height = rows.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#11151c\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for (number, (line, row)) in rows.iter().enumerate() {
        let y = MARGIN + LINE * number + 13;
        let text = escape(row);
        let _ =
            writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{}\">{text}</text>", colour(line));
    }
    svg + "</g>\n</svg>\n"
}

/// The rows of a line, each beside the line that it is of.
fn fold(line: &str) -> Vec<(&str, String)> {
    let characters: Vec<char> = line.chars().collect();
    if characters.is_empty() {
        return vec![(line, String::new())];
    }
    characters.chunks(COLUMNS).map(|row| (line, row.iter().collect())).collect()
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
