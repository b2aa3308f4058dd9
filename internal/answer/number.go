package answer

import (
	"math"
	"strings"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/scalar"
)

// Num is a number as the gateways write it: integer, float, or either in
// quotes. Anything else ("unknown", null, NaN, an object) is absent, and so is
// a whole number just below 2^32: a small negative that a 32-bit field of the
// firmware could not hold (4294967292 in /ivp/pdm/device_data).
type Num struct{ reading.Value }

// UnmarshalJSON never fails.
func (n *Num) UnmarshalJSON(b []byte) error {
	n.Value = reading.Value{}
	if f, ok := scalar.Number(b); ok && !underflow(f) {
		n.Value = reading.Of(f)
	}
	return nil
}

// underflow reports whether f is a negative number seen through an unsigned
// 32-bit field.
func underflow(f float64) bool {
	return f == math.Trunc(f) && f < 1<<32 && f >= 1<<32-1<<16
}

// Int is a whole number read from its text, so that 64-bit joule counters and
// eids keep every digit; a float is cut, anything else gives 0.
type Int int64

// UnmarshalJSON never fails.
func (i *Int) UnmarshalJSON(b []byte) error {
	n, _ := scalar.Whole(b)
	*i = Int(n)
	return nil
}

// Joules is a lifetime counter in J, kept exactly; Known tells 0 from absent.
type Joules struct {
	N     int64
	Known bool
}

// UnmarshalJSON never fails.
func (j *Joules) UnmarshalJSON(b []byte) error {
	j.N, j.Known = scalar.Whole(b)
	if j.N < 0 {
		*j = Joules{}
	}
	return nil
}

// Wh converts to Wh; absent stays absent.
func (j Joules) Wh() reading.Value {
	if !j.Known {
		return reading.Value{}
	}
	return reading.Of(float64(j.N) / 3600)
}

// Epoch is a time in seconds since 1970 on the gateway's clock, written as
// integer, float or text; zero when the gateway has none (it writes 0).
type Epoch struct{ time.Time }

// UnmarshalJSON never fails.
func (e *Epoch) UnmarshalJSON(b []byte) error {
	e.Time = scalar.Time(b)
	return nil
}

// Text is a word; a number or truth value is taken as it is written, anything
// else is empty.
type Text string

// UnmarshalJSON never fails.
func (t *Text) UnmarshalJSON(b []byte) error {
	*t = Text(scalar.Text(b))
	return nil
}

// Serial is a device's serial number, or empty when what stands there is not
// one: it becomes part of topics and ids, so only letters, digits, - and _ pass.
type Serial string

// UnmarshalJSON never fails.
func (s *Serial) UnmarshalJSON(b []byte) error {
	*s = ""
	w := scalar.Text(b)
	if len(w) <= 32 && strings.Trim(w, serialLetters) == "" {
		*s = Serial(w)
	}
	return nil
}

const serialLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// Flag is a truth value: true, "true", 1 and their opposites; On is nil when
// it is none of them.
type Flag struct{ On *bool }

// UnmarshalJSON never fails.
func (f *Flag) UnmarshalJSON(b []byte) error {
	f.On = nil
	switch strings.ToLower(scalar.Text(b)) {
	case "true", "1":
		f.On = new(true)
	case "false", "0":
		f.On = new(false)
	}
	return nil
}

// Yes reports whether the gateway said true.
func (f Flag) Yes() bool { return f.On != nil && *f.On }

// No reports whether the gateway said false, which is not the same as nothing.
func (f Flag) No() bool { return f.On != nil && !*f.On }
