//! Which keys to look for, and where their values go.

use std::collections::HashMap;

/// Keys from the root; columns among the numbers, the codes of texts, the codes of outcomes, and the
/// gathered lists.
pub type LeafSpec = (Vec<String>, Vec<usize>, Vec<usize>, Vec<usize>, Vec<usize>);

/// What is behind a key that the schema names.
#[derive(Clone, Copy)]
pub enum Target {
    Leaf(usize),
    Inner(usize),
}

/// Where a value goes.
pub struct Leaf {
    pub numbers: Vec<usize>,
    pub texts: Vec<usize>,
    pub outcomes: Vec<usize>,
    pub gathered: Vec<usize>,
}

/// An object of the record.
///
/// `after[i]` is the key that lately came after key i (the last entry: the first key of all), since
/// one record's keys stand in the order of the next one's.  `seen` holds for each key the number of
/// the record in which it last occurred.
#[derive(Default)]
pub struct Node {
    pub keys: Vec<(String, Target)>,
    places: HashMap<String, usize, ahash::RandomState>,
    after: Vec<usize>,
    seen: Vec<u64>,
}

impl Node {
    /// Return the place of `key`, given the place of the key before it; None if nobody asked for it.
    pub fn find(&mut self, key: &str, before: usize) -> Option<usize> {
        let likely = self.after[before];
        if self.keys.get(likely).is_some_and(|(name, _)| name == key) {
            return Some(likely);
        }
        let place = *self.places.get(key)?;
        self.after[before] = place;
        Some(place)
    }

    /// Note that a key occurs in this record; tell whether for the first time.
    pub fn first(&mut self, place: usize, record: u64) -> bool {
        std::mem::replace(&mut self.seen[place], record) != record
    }

    /// The place "before the first key".
    pub fn start(&self) -> usize {
        self.keys.len()
    }
}

/// The tree of a schema's paths; node 0 is the record itself.
pub struct Plan {
    pub nodes: Vec<Node>,
    pub leaves: Vec<Leaf>,
    pub record: u64,
}

impl Plan {
    pub fn new(specs: Vec<LeafSpec>) -> Self {
        let mut plan = Self {
            nodes: vec![Node::default()],
            leaves: Vec::new(),
            record: 0,
        };
        for (path, numbers, texts, outcomes, gathered) in specs {
            let leaf = Target::Leaf(plan.leaves.len());
            plan.leaves.push(Leaf {
                numbers,
                texts,
                outcomes,
                gathered,
            });
            plan.place(&path, leaf);
        }
        for node in &mut plan.nodes {
            node.after = (1..=node.keys.len()).chain([0]).collect();
            node.seen = vec![0; node.keys.len()];
        }
        plan
    }

    /// How many columns of numbers there are.
    pub fn numbers(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.numbers.len()).sum()
    }

    /// How many gathered lists there are.
    pub fn gathered(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.gathered.len()).sum()
    }

    fn place(&mut self, path: &[String], leaf: Target) {
        let mut at = 0;
        for (depth, key) in path.iter().enumerate() {
            let known = self.nodes[at]
                .places
                .get(key)
                .map(|&place| self.nodes[at].keys[place].1);
            if let Some(Target::Inner(inner)) = known {
                at = inner;
                continue;
            }
            let last = depth + 1 == path.len();
            let target = if last {
                leaf
            } else {
                Target::Inner(self.nodes.len())
            };
            if let Target::Inner(_) = target {
                self.nodes.push(Node::default());
            }
            let node = &mut self.nodes[at];
            node.places.insert(key.clone(), node.keys.len());
            node.keys.push((key.clone(), target));
            if let Target::Inner(inner) = target {
                at = inner;
            }
        }
    }
}
