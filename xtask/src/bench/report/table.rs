//! A plain text table: right-aligned columns, and none that is empty.

/// A heading and the cells under it; an empty cell has no value.
pub(in crate::bench) struct Column {
    pub(in crate::bench) heading: &'static str,
    pub(in crate::bench) cells: Vec<String>,
}

/// Joins columns to lines. The first column is aligned to the left, being names.
pub(in crate::bench) fn render(columns: &[Column]) -> String {
    let columns: Vec<&Column> =
        columns.iter().filter(|column| column.cells.iter().any(|cell| !cell.is_empty())).collect();
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    let mut text = line(&columns, |column| column.heading);
    for row in 0..rows {
        text += &line(&columns, |column| column.cells.get(row).map_or("", String::as_str));
    }
    text
}

fn line<'a>(columns: &[&'a Column], cell: impl Fn(&'a Column) -> &'a str) -> String {
    let mut line = String::new();
    for (index, column) in columns.iter().enumerate() {
        let width = column.width();
        let cell = cell(column);
        if index == 0 {
            line += &format!("{cell:<width$}");
        } else {
            line += &format!("  {cell:>width$}");
        }
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

impl Column {
    /// In characters, since `µ` is two bytes.
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(String::as_str);
        cells.chain([self.heading]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(heading: &'static str, cells: &[&str]) -> Column {
        Column { heading, cells: cells.iter().map(|&cell| cell.to_owned()).collect() }
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_dropped() {
        let columns = [
            column("target", &["direct", "tollgate"]),
            column("empty", &["", ""]),
            column("µs", &["1.0", "1234.0"]),
            column("err", &["", "2"]),
        ];
        let expected = "target        µs  err\ndirect       1.0\ntollgate  1234.0    2\n";
        assert_eq!(render(&columns), expected);
    }

    #[test]
    fn no_rows_no_columns() {
        assert_eq!(render(&[column("a", &[])]), "\n");
    }
}
