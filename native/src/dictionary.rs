//! Codes of values, remembered so that a known value costs one look-up and no Python object.

use std::collections::HashMap;

use pyo3::prelude::*;

type Map<K> = HashMap<K, i32, ahash::RandomState>;

/// A memory in front of a Python dictionary, which decides (`collectors/decoders/dictionary.py`).
pub struct Dictionary {
    python: Py<PyAny>,
    texts: Map<Box<str>>,
    whole: Map<i64>,
    floats: Map<u64>,
}

impl Dictionary {
    pub fn new(python: Py<PyAny>) -> Self {
        Self {
            python,
            texts: Map::default(),
            whole: Map::default(),
            floats: Map::default(),
        }
    }

    pub fn forget(&mut self) {
        self.texts.clear();
        self.whole.clear();
        self.floats.clear();
    }

    pub fn of_text(&mut self, py: Python<'_>, text: &str) -> PyResult<i32> {
        if let Some(&code) = self.texts.get(text) {
            return Ok(code);
        }
        let code = self.python.bind(py).get_item(text)?.extract()?;
        self.texts.insert(text.into(), code);
        Ok(code)
    }

    pub fn of_int(&mut self, py: Python<'_>, value: i64) -> PyResult<i32> {
        if let Some(&code) = self.whole.get(&value) {
            return Ok(code);
        }
        let code = self.python.bind(py).get_item(value)?.extract()?;
        self.whole.insert(value, code);
        Ok(code)
    }

    pub fn of_float(&mut self, py: Python<'_>, value: f64) -> PyResult<i32> {
        if let Some(&code) = self.floats.get(&value.to_bits()) {
            return Ok(code);
        }
        let code = self.python.bind(py).get_item(value)?.extract()?;
        self.floats.insert(value.to_bits(), code);
        Ok(code)
    }
}
