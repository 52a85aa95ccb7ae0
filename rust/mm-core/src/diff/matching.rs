//! Which rows go with which columns at the least cost: the Hungarian method, O(rows^2 x (rows + columns)).

/// What a pair that may not be costs.
const NEVER: i64 = i64::MAX / 4;

/// For each row its column, or `None`: as many pairs as can be, and of those ways the cheapest.
///
/// `cost` says what a pair costs, 0 or more and at most `most`; `None`: these two are no pair.
#[must_use]
pub(super) fn cheapest_pairs(
    rows: usize,
    columns: usize,
    most: i64,
    cost: impl Fn(usize, usize) -> Option<i64>,
) -> Vec<Option<usize>> {
    let all = i64::try_from(rows).map_or(i64::MAX, |rows| rows.saturating_add(1));
    let alone = most
        .max(0)
        .saturating_add(1)
        .saturating_mul(all)
        .min(NEVER / 4);
    // Behind the columns, one for each row to be alone in.
    let width = columns + rows;
    let price = |row: usize, column: usize| {
        if column >= columns {
            return alone;
        }
        cost(row, column).map_or(2 * alone, |cost| cost.clamp(0, alone))
    };
    // Potentials of rows and columns, and the row of each column; place 0 is nobody's.
    let (mut of_row, mut of_column) = (vec![0; rows + 1], vec![0; width + 1]);
    let mut taken = vec![0_usize; width + 1];
    for row in 1..=rows {
        taken[0] = row;
        let mut at = 0;
        let mut least = vec![NEVER; width + 1];
        let mut done = vec![false; width + 1];
        let mut from = vec![0_usize; width + 1];
        while taken[at] != 0 {
            done[at] = true;
            let (row, mut step, mut next) = (taken[at], NEVER, 0);
            for column in 1..=width {
                if done[column] {
                    continue;
                }
                let slack = price(row - 1, column - 1) - of_row[row] - of_column[column];
                if slack < least[column] {
                    (least[column], from[column]) = (slack, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=width {
                if done[column] {
                    of_row[taken[column]] += step;
                    of_column[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            taken[at] = taken[from[at]];
            at = from[at];
        }
    }
    let mut found = vec![None; rows];
    for (column, row) in taken[1..=columns].iter().enumerate() {
        if let Some(row) = row.checked_sub(1)
            && cost(row, column).is_some()
        {
            found[row] = Some(column);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By trying everything: pairs at most, then the least cost.
    fn best(rows: &[Vec<Option<i64>>], row: usize, used: u32) -> (usize, i64) {
        if row == rows.len() {
            return (0, 0);
        }
        let mut found = best(rows, row + 1, used);
        for (column, cost) in rows[row].iter().enumerate() {
            if let Some(cost) = cost.filter(|_| used >> column & 1 == 0) {
                let (pairs, rest) = best(rows, row + 1, used | 1 << column);
                let tried = (pairs + 1, rest + cost);
                if tried.0 > found.0 || (tried.0 == found.0 && tried.1 < found.1) {
                    found = tried;
                }
            }
        }
        found
    }

    proptest! {
        #[test]
        fn prop_no_other_way_pairs_more_or_cheaper(
            columns in 0_usize..6,
            costs in proptest::collection::vec(proptest::collection::vec(proptest::option::of(0_i64..30), 6), 0..6),
        ) {
            let rows: Vec<Vec<Option<i64>>> =
                costs.iter().map(|row| row[..columns].to_vec()).collect();
            let found = cheapest_pairs(rows.len(), columns, 30, |row, column| rows[row][column]);
            let pairs: Vec<(usize, usize)> = found.iter().enumerate()
                .filter_map(|(row, column)| Some((row, (*column)?))).collect();
            let mut used: Vec<usize> = pairs.iter().map(|(_, column)| *column).collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), pairs.len(), "a column twice");
            let cost: i64 = pairs.iter().map(|(row, column)| rows[*row][*column].unwrap()).sum();
            prop_assert_eq!((pairs.len(), cost), best(&rows, 0, 0));
        }
    }
}
