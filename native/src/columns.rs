//! The columns of a batch while they are filled, and how they are handed to Python.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyList, PyString};

use crate::plan::Plan;

/// Numbers, codes, gathered lists, checksums, refused rows.
pub type Batch<'py> = (
    Bound<'py, PyByteArray>,
    Bound<'py, PyByteArray>,
    Vec<Bound<'py, PyList>>,
    Bound<'py, PyByteArray>,
    Vec<usize>,
);

/// Columns of `n` records, one after the other; what is never set is missing.
pub struct Columns<'py> {
    n: usize,
    numbers: Vec<f64>,
    codes: Vec<i32>,
    gathered: Vec<Vec<Bound<'py, PyAny>>>,
}

impl<'py> Columns<'py> {
    pub fn new(py: Python<'py>, plan: &Plan, dictionaries: usize, n: usize) -> Self {
        let none = py.None().into_bound(py);
        Self {
            n,
            numbers: vec![f64::NAN; plan.numbers() * n],
            codes: vec![-1; dictionaries * n],
            gathered: vec![vec![none; n]; plan.gathered()],
        }
    }

    pub fn set_number(&mut self, column: usize, row: usize, value: f64) {
        self.numbers[column * self.n + row] = value;
    }

    pub fn set_code(&mut self, column: usize, row: usize, code: i32) {
        self.codes[column * self.n + row] = code;
    }

    pub fn gather_text(&mut self, py: Python<'py>, column: usize, row: usize, text: &str) {
        self.gathered[column][row] = PyString::new(py, text).into_any();
    }

    pub fn gather_int(
        &mut self,
        py: Python<'py>,
        column: usize,
        row: usize,
        value: i64,
    ) -> PyResult<()> {
        self.gathered[column][row] = value.into_pyobject(py)?.into_any();
        Ok(())
    }

    pub fn gather_float(
        &mut self,
        py: Python<'py>,
        column: usize,
        row: usize,
        value: f64,
    ) -> PyResult<()> {
        self.gathered[column][row] = value.into_pyobject(py)?.into_any();
        Ok(())
    }

    pub fn finish(
        self,
        py: Python<'py>,
        bodies: &[u32],
        refused: Vec<usize>,
    ) -> PyResult<Batch<'py>> {
        let gathered = self
            .gathered
            .into_iter()
            .map(|values| PyList::new(py, values));
        Ok((
            PyByteArray::new(py, bytemuck::cast_slice(&self.numbers)),
            PyByteArray::new(py, bytemuck::cast_slice(&self.codes)),
            gathered.collect::<PyResult<_>>()?,
            PyByteArray::new(py, bytemuck::cast_slice(bodies)),
            refused,
        ))
    }
}
