//! What a front end does to I and Q: a real 2 by 2 matrix. A complex signal sees itself and its mirror image: y = direct * z + mirrored * z*,
//! the widely linear transformation of Picinbono and Chevalier (IEEE Trans. Signal Processing 43, 1995).

use num_complex::Complex;

/// Rows make I and Q, columns take I and Q.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IqMatrix(pub [[f64; 2]; 2]);

impl IqMatrix {
    /// Changes nothing.
    pub const IDENTITY: Self = Self([[1.0, 0.0], [0.0, 1.0]]);

    /// I and Q change places.
    pub const SWAP: Self = Self([[0.0, 1.0], [1.0, 0.0]]);

    /// Q has so much more gain than I, and comes so much less than a quarter turn after it.
    pub fn imbalance(gain_db: f32, phase_degrees: f32) -> Self {
        let gain = 10_f64.powf(f64::from(gain_db) / 20.0);
        let (sine, cosine) = f64::from(phase_degrees).to_radians().sin_cos();
        Self([[1.0, 0.0], [gain * sine, gain * cosine]])
    }

    /// This, and another one behind it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let (a, b) = (self.0, next.0);
        Self(b.map(|row| [0, 1].map(|column| row[0] * a[0][column] + row[1] * a[1][column])))
    }

    /// Of a signal.
    pub fn apply(&self, z: Complex<f64>) -> Complex<f64> {
        let [[a, b], [c, d]] = self.0;
        Complex::new(a * z.re + b * z.im, c * z.re + d * z.im)
    }

    /// Factor of the signal itself.
    pub fn direct(&self) -> Complex<f64> {
        let [[a, b], [c, d]] = self.0;
        Complex::new(a + d, c - b) / 2.0
    }

    /// Factor of its mirror image.
    pub fn mirrored(&self) -> Complex<f64> {
        let [[a, b], [c, d]] = self.0;
        Complex::new(a - d, c + b) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_sees_itself_and_its_mirror_image() {
        let turned = IqMatrix::imbalance(0.5, 3.0).then(IqMatrix::SWAP).then(IqMatrix([[0.3, -1.0], [2.0, 0.7]]));
        for matrix in [IqMatrix::IDENTITY, IqMatrix::SWAP, turned] {
            let z = Complex::new(0.4, -1.3);
            assert!((matrix.apply(z) - matrix.direct() * z - matrix.mirrored() * z.conj()).norm() < 1e-12);
        }
        let z = Complex::new(0.4, -1.3);
        let [first, second] = [IqMatrix::imbalance(0.5, 3.0), IqMatrix([[0.3, -1.0], [2.0, 0.7]])];
        assert!((first.then(second).apply(z) - second.apply(first.apply(z))).norm() < 1e-12);
        assert_eq!((IqMatrix::SWAP.direct(), IqMatrix::SWAP.mirrored()), (Complex::default(), Complex::i()));
    }

    #[test]
    fn an_imbalance_has_the_image_of_the_text_books() {
        // Half of what differs: 0.2 dB is 0.0233, 1 degree 0.01745.
        for (gain, phase, image) in [(0.2, 0.0, 0.0116), (0.0, 1.0, 0.00873), (0.2, 1.0, 0.0145)] {
            let matrix = IqMatrix::imbalance(gain, phase);
            assert!((matrix.mirrored().norm() / matrix.direct().norm() / image - 1.0).abs() < 0.01, "{gain} dB, {phase} degrees");
        }
    }
}
