//! JSON records to columns in one pass, without a Python object for each value.
//!
//! It reads records of the usual shape.  What is out of the ordinary (a value of another type, a key
//! given twice, a number out of range, a record that is not JSON) it does not judge: that row is
//! given back as refused, and Python's decoder, which defines what is right, reads it again.

#![forbid(unsafe_code)]

mod columns;
mod dictionary;
mod plan;
mod walk;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use columns::{Batch, Columns};
use dictionary::Dictionary;
use plan::{LeafSpec, Plan};
use walk::{Stop, Walk};

/// Reads batches of records for one event schema; `collectors/decoders/native.py` is its other half.
#[pyclass]
struct Reader {
    plan: Plan,
    dictionaries: Vec<Dictionary>,
    max_bytes: usize,
}

#[pymethods]
impl Reader {
    /// `leaves` holds for each distinct path its keys from the root, the rows that its value takes
    /// in the arrays of numbers, of texts and of outcomes, and its place among the gathered lists.
    /// `dictionaries[i]` gives the code of a value (`dictionary[value]`) for row i of the codes.
    #[new]
    fn new(leaves: Vec<LeafSpec>, dictionaries: Vec<Py<PyAny>>, max_bytes: usize) -> Self {
        Self {
            plan: Plan::new(leaves),
            dictionaries: dictionaries.into_iter().map(Dictionary::new).collect(),
            max_bytes,
        }
    }

    /// Forget the codes: the Python dictionaries have forgotten theirs.
    fn forget(&mut self) {
        self.dictionaries.iter_mut().for_each(Dictionary::forget);
    }

    /// Read n records.  Returns float64[numbers, n] and int32[codes, n] as bytes, a list of n values
    /// for each gathered path, uint32[n] CRC-32C of the records as bytes, and the rows refused, whose
    /// cells hold anything.
    fn read<'py>(
        &mut self,
        py: Python<'py>,
        records: Vec<Bound<'py, PyBytes>>,
    ) -> PyResult<Batch<'py>> {
        let mut columns = Columns::new(py, &self.plan, self.dictionaries.len(), records.len());
        let mut bodies = Vec::with_capacity(records.len());
        let mut refused = Vec::new();
        let mut tape = Vec::new();
        for (row, record) in records.iter().enumerate() {
            let bytes = record.as_bytes();
            bodies.push(crc32c::crc32c(bytes));
            if bytes.len() > self.max_bytes || std::str::from_utf8(bytes).is_err() {
                refused.push(row);
                continue;
            }
            let mut walk = Walk::new(py, &mut columns, &mut self.dictionaries, bytes, tape, row);
            match walk.record(&mut self.plan) {
                Ok(()) => {}
                Err(Stop::Refused) => refused.push(row),
                Err(Stop::Raised(error)) => return Err(error),
            }
            tape = walk.into_tape();
        }
        columns.finish(py, &bodies, refused)
    }
}

/// The module `collectors.decoders._columns`.
#[pymodule]
fn _columns(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add(
        "__doc__",
        "JSON records to columns; see native/ in the source.",
    )?;
    module.add_class::<Reader>()?;
    module.add("__all__", PyList::new(module.py(), ["Reader"])?)
}
