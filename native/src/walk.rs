//! One record, from its first byte to its last.

use jiter::{Jiter, JiterError, NumberAny, NumberInt, Peek};
use pyo3::prelude::*;

use crate::columns::Columns;
use crate::dictionary::Dictionary;
use crate::plan::{Leaf, Plan, Target};

/// Why reading a record ended early.
pub enum Stop {
    Refused,
    Raised(PyErr),
}

impl From<JiterError> for Stop {
    fn from(_: JiterError) -> Self {
        Self::Refused
    }
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// The reading of one record.
pub struct Walk<'a, 'py> {
    py: Python<'py>,
    columns: &'a mut Columns<'py>,
    dictionaries: &'a mut [Dictionary],
    json: Jiter<'a>,
    row: usize,
}

impl<'a, 'py> Walk<'a, 'py> {
    pub fn new(
        py: Python<'py>,
        columns: &'a mut Columns<'py>,
        dictionaries: &'a mut [Dictionary],
        bytes: &'a [u8],
        tape: Vec<u8>,
        row: usize,
    ) -> Self {
        Self {
            py,
            columns,
            dictionaries,
            json: Jiter::with_tape(bytes, tape),
            row,
        }
    }

    pub fn into_tape(self) -> Vec<u8> {
        self.json.into_tape()
    }

    pub fn record(&mut self, plan: &mut Plan) -> Result<(), Stop> {
        plan.record += 1;
        if self.json.peek()? != Peek::Object {
            return Err(Stop::Refused);
        }
        self.object(plan, 0)?;
        Ok(self.json.finish()?)
    }

    fn object(&mut self, plan: &mut Plan, at: usize) -> Result<(), Stop> {
        let record = plan.record;
        let mut before = plan.nodes[at].start();
        let mut found = match self.json.known_object()? {
            Some(key) => plan.nodes[at].find(key, before),
            None => return Ok(()),
        };
        loop {
            match found {
                Some(place) => {
                    if !plan.nodes[at].first(place, record) {
                        return Err(Stop::Refused);
                    }
                    before = place;
                    let target = plan.nodes[at].keys[place].1;
                    self.target(plan, target)?;
                }
                None => self.json.next_skip()?,
            }
            found = match self.json.next_key()? {
                Some(key) => plan.nodes[at].find(key, before),
                None => return Ok(()),
            };
        }
    }

    fn target(&mut self, plan: &mut Plan, target: Target) -> Result<(), Stop> {
        let peek = self.json.peek()?;
        match (target, peek) {
            (_, Peek::Null) => Ok(self.json.known_null()?),
            (Target::Inner(inner), Peek::Object) => self.object(plan, inner),
            (Target::Leaf(leaf), Peek::String) => self.text(&plan.leaves[leaf]),
            (Target::Leaf(leaf), _) if peek.is_num() => self.number(&plan.leaves[leaf], peek),
            _ => Err(Stop::Refused),
        }
    }

    /// A text where only numbers are expected is not judged here; it may be empty, so missing.
    fn text(&mut self, leaf: &Leaf) -> Result<(), Stop> {
        if !leaf.numbers.is_empty() {
            return Err(Stop::Refused);
        }
        let text = self.json.known_str()?;
        for &column in leaf.texts.iter().chain(&leaf.outcomes) {
            let code = self.dictionaries[column].of_text(self.py, text)?;
            self.columns.set_code(column, self.row, code);
        }
        for &column in &leaf.gathered {
            self.columns.gather_text(self.py, column, self.row, text);
        }
        Ok(())
    }

    fn number(&mut self, leaf: &Leaf, peek: Peek) -> Result<(), Stop> {
        let plain = leaf.texts.is_empty() && leaf.outcomes.is_empty() && leaf.gathered.is_empty();
        if plain {
            let value = self.json.known_float(peek)?;
            return self.put(leaf, value);
        }
        match self.json.known_number(peek)? {
            NumberAny::Int(NumberInt::Int(value)) => self.int(leaf, value),
            NumberAny::Float(value) => self.float(leaf, value),
        }
    }

    fn int(&mut self, leaf: &Leaf, value: i64) -> Result<(), Stop> {
        if !leaf.texts.is_empty() {
            // By its digits: in a Python dictionary 1 is the key that true is, and their texts differ.
            let digits = value.to_string();
            for &column in &leaf.texts {
                let code = self.dictionaries[column].of_text(self.py, &digits)?;
                self.columns.set_code(column, self.row, code);
            }
        }
        for &column in &leaf.outcomes {
            let code = self.dictionaries[column].of_int(self.py, value)?;
            self.columns.set_code(column, self.row, code);
        }
        for &column in &leaf.gathered {
            self.columns.gather_int(self.py, column, self.row, value)?;
        }
        self.put(leaf, value as f64)
    }

    fn float(&mut self, leaf: &Leaf, value: f64) -> Result<(), Stop> {
        // How Python writes a float as a text is for Python to say.
        if !value.is_finite() || !leaf.texts.is_empty() {
            return Err(Stop::Refused);
        }
        for &column in &leaf.outcomes {
            let code = self.dictionaries[column].of_float(self.py, value)?;
            self.columns.set_code(column, self.row, code);
        }
        for &column in &leaf.gathered {
            self.columns
                .gather_float(self.py, column, self.row, value)?;
        }
        self.put(leaf, value)
    }

    fn put(&mut self, leaf: &Leaf, value: f64) -> Result<(), Stop> {
        if !value.is_finite() {
            return Err(Stop::Refused);
        }
        for &column in &leaf.numbers {
            self.columns.set_number(column, self.row, value);
        }
        Ok(())
    }
}
