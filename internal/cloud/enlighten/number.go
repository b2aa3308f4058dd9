package enlighten

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/scalar"
)

// The API is described by samples that do not agree with each other: integers
// come as floats or in quotes, arrays within arrays, objects as null. These
// types take what can be understood and leave the rest absent; none of them
// ever fails, so that one odd field does not cost an answer.

// num is a number.
type num struct{ reading.Value }

// UnmarshalJSON never fails.
func (n *num) UnmarshalJSON(b []byte) error {
	n.Value = reading.Value{}
	if f, ok := scalar.Number(b); ok && math.Abs(f) < 1e15 {
		n.Value = reading.Of(f)
	}
	return nil
}

// whole is an id or a count; 0 when absent.
type whole int64

// UnmarshalJSON never fails.
func (w *whole) UnmarshalJSON(b []byte) error {
	n, _ := scalar.Whole(b)
	*w = whole(n)
	return nil
}

// epoch is a time in seconds since 1970; zero when absent.
type epoch struct{ time.Time }

// UnmarshalJSON never fails.
func (e *epoch) UnmarshalJSON(b []byte) error {
	e.Time = scalar.Time(b)
	return nil
}

// text is a word; compound values are empty.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = text(scalar.Text(b))
	return nil
}

// many is an array. An array inside it is taken as if its elements stood in
// the outer one (energy_import_telemetry), an element that is nothing of the
// kind is left out, and anything but an array is empty.
type many[T any] []T

// UnmarshalJSON never fails.
func (m *many[T]) UnmarshalJSON(b []byte) error {
	*m = nil
	for _, element := range elements(b) {
		inner := []json.RawMessage{element}
		if bytes.HasPrefix(element, []byte("[")) {
			inner = elements(element)
		}
		for _, raw := range inner {
			var t T
			if !bytes.Equal(raw, []byte("null")) && json.Unmarshal(raw, &t) == nil {
				*m = append(*m, t)
			}
		}
	}
	return nil
}

// wattHours is an array whose indexes count days: null keeps its place.
type wattHours []num

// UnmarshalJSON never fails.
func (w *wattHours) UnmarshalJSON(b []byte) error {
	*w = nil
	for _, element := range elements(b) {
		var n num
		_ = n.UnmarshalJSON(element)
		*w = append(*w, n)
	}
	return nil
}

func elements(b []byte) []json.RawMessage {
	var raw []json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		return nil
	}
	return raw
}

// lenient is an object that may be anything else, and then is its zero value.
type lenient[T any] struct{ V T }

// UnmarshalJSON never fails.
func (l *lenient[T]) UnmarshalJSON(b []byte) error {
	var v T
	if json.Unmarshal(b, &v) == nil {
		l.V = v
	}
	return nil
}
