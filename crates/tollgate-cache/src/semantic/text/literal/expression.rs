//! Formulas, where each letter and the order of all parts count.

use super::number::canonical;
use super::{LiteralKind, Scanner};
use crate::semantic::text::token::{Kind, Token};

/// How many tokens a formula may have.
const LONGEST: usize = 64;

impl Scanner<'_, '_> {
    /// Operands with operators between them: `x + 2 = 8`, `5 - 12`.
    pub(super) fn expression(&mut self, start: usize) -> Option<usize> {
        // Only the first token of a run is tried, so that a long run is walked once.
        if start > 0 && is_part(&self.tokens[start - 1]) && !self.used[start - 1] && is_operator(&self.tokens[start]) {
            return None;
        }
        let run = self.tokens[start..].iter().take(LONGEST).take_while(|token| is_part(token)).count();
        let mut end = start + run;
        while end > start && !(is_operand(&self.tokens[end - 1]) || self.is_symbol(end - 1, ")")) {
            end -= 1;
        }
        let is_formula = end > start + 2
            && (is_operand(&self.tokens[start]) || "(-√".contains(self.tokens[start].raw))
            && (start + 1..end - 1).any(|at| self.joins(at));
        if !is_formula {
            return None;
        }
        let parts = self.tokens[start..end].iter().map(|token| match token.kind {
            Kind::Number => canonical(&token.folded, false),
            _ => token.raw.to_owned(),
        });
        let value: String = parts.collect();
        Some(self.take(LiteralKind::Expression, value, start, end))
    }

    /// Whether the token at `at` is an operator between operands. A hyphen or slash is one only with spaces around it.
    fn joins(&self, at: usize) -> bool {
        let (token, left, right) = (&self.tokens[at], &self.tokens[at - 1], &self.tokens[at + 1]);
        let operands = (is_operand(left) || left.raw == ")" || is_operator(left))
            && (is_operand(right) || right.raw == "(" || right.raw == "-" || is_operator(right));
        match token.raw {
            "-" | "/" | "−" => operands && token.spaced && right.spaced && !matches!(&*left.folded, "a" | "i"),
            _ => operands && is_operator(token),
        }
    }
}

fn is_operator(token: &Token<'_>) -> bool {
    token.kind == Kind::Symbol && "+-−*/^=<>≤≥≠×÷".contains(token.raw)
}

fn is_operand(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Number => true,
        Kind::Mixed => token.raw.len() <= 4,
        Kind::Word => {
            token.raw.len() == 1 || matches!(&*token.folded, "sin" | "cos" | "tan" | "log" | "ln" | "sqrt" | "pi")
        }
        Kind::Symbol => false,
    }
}

fn is_part(token: &Token<'_>) -> bool {
    is_operand(token) || is_operator(token) || (token.kind == Kind::Symbol && "()%!√$π∞".contains(token.raw))
}
