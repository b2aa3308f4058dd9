package reading

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Value is a number that may be absent. The zero Value is absent, and absent
// is never 0: a quantity that nobody measured leaves no trace in JSON, in a
// topic or in a database. A Value is always finite, and -0 is 0, because the
// gateway's firmware writes "-0.000" and databases refuse NaN.
type Value struct {
	n     float64
	known bool
}

// Of returns n as a known value; NaN and infinity give an absent one.
func Of(n float64) Value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}
	}
	return Value{n: n + 0, known: true} // -0 + 0 is 0
}

// Get returns the number and whether it is known.
func (v Value) Get() (float64, bool) { return v.n, v.known }

// Known reports whether somebody measured the value.
func (v Value) Known() bool { return v.known }

// Or returns the number, or fallback when it is absent.
func (v Value) Or(fallback float64) float64 {
	if v.known {
		return v.n
	}
	return fallback
}

// Else returns v when it is known and w otherwise.
func (v Value) Else(w Value) Value {
	if v.known {
		return v
	}
	return w
}

// Scale returns v times factor; absent stays absent.
func (v Value) Scale(factor float64) Value {
	if !v.known {
		return v
	}
	return Of(v.n * factor)
}

// Sum adds values; it is absent as soon as one of them is.
func Sum(values ...Value) Value {
	total := 0.0
	for _, v := range values {
		if !v.known {
			return Value{}
		}
		total += v.n
	}
	return Of(total)
}

// Equal reports whether both are absent or both are the same number.
func (v Value) Equal(w Value) bool { return v == w }

// IsZero reports absence; encoding/json's omitzero asks it.
func (v Value) IsZero() bool { return !v.known }

// String formats the number with up to three decimals, or "-" when absent.
func (v Value) String() string {
	if !v.known {
		return "-"
	}
	return string(v.Append(nil))
}

// Append appends the number to b with up to three decimals, the resolution of
// the gateway's meters, and no exponent. An absent value appends null.
func (v Value) Append(b []byte) []byte {
	if !v.known {
		return append(b, "null"...)
	}
	rounded := math.Round(v.n*1000) / 1000
	if math.IsInf(rounded, 0) {
		rounded = v.n
	}
	return strconv.AppendFloat(b, rounded+0, 'f', -1, 64)
}

// MarshalJSON writes what Append writes.
func (v Value) MarshalJSON() ([]byte, error) { return v.Append(nil), nil }

// UnmarshalJSON reads a JSON number; null leaves the value absent.
func (v *Value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = Value{}
		return nil
	}
	var n float64
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("reading value: %w", err)
	}
	*v = Of(n)
	return nil
}
