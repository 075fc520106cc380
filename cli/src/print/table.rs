//! A table for a person: columns as wide as they need, no lines drawn.
//!
//! One very long cell does not push the whole column to the right; it sticks out alone.

use super::clean;

/// Rows under a head.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    empty: &'static str,
}

impl Table {
    /// A table with these columns; `empty` is printed when it has no rows.
    pub(crate) fn new(head: &[&str], empty: &'static str) -> Self {
        Self { rows: vec![head.iter().map(|name| name.to_uppercase()).collect()], empty }
    }

    /// Add a row. An empty cell is shown as `-`, so that columns stay readable.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cell = |text: String| if text.is_empty() { "-".to_owned() } else { clean(&text) };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// The table as text.
    pub(crate) fn render(&self) -> String {
        if self.rows.len() == 1 {
            return self.empty.to_owned();
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).filter(|width| *width <= WIDE).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Characters up to which a cell widens its column.
const WIDE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_cells_show() {
        let mut table = Table::new(&["name", "role"], "nobody");
        table.row(["ana".to_owned(), "admin".to_owned()]);
        table.row(["é".to_owned(), String::new()]);
        assert_eq!(table.render(), "NAME  ROLE\nana   admin\né     -");
    }

    #[test]
    fn a_long_cell_sticks_out_alone() {
        let mut table = Table::new(&["a", "b"], "");
        table.row(["x".repeat(WIDE + 1), "y".to_owned()]);
        table.row(["z".to_owned(), "y".to_owned()]);
        assert_eq!(table.render(), format!("A  B\n{}  y\nz  y", "x".repeat(WIDE + 1)));
    }

    #[test]
    fn a_table_without_rows_says_so() {
        assert_eq!(Table::new(&["name"], "no operators").render(), "no operators");
    }

    #[test]
    fn a_line_break_in_a_cell_does_not_make_a_row() {
        let mut table = Table::new(&["name"], "");
        table.row(["a\nb".to_owned()]);
        assert_eq!(table.render().lines().count(), 2);
    }
}
