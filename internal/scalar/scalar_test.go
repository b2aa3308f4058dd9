package scalar_test

import (
	"math"
	"testing"
	"time"

	"envoyd/internal/scalar"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		`" a b "`: "a b", `12.50`: "12.50", `true`: "true", `null`: "", `{"a":1}`: "", `["a"]`: "", ``: "", `"`: "",
	} {
		if got := scalar.Text([]byte(in)); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

func TestWhole(t *testing.T) {
	for in, want := range map[string]int64{
		`7`: 7, `"7"`: 7, `-7.9`: -7, `9007199254740993`: 9007199254740993, `"9223372036854775807"`: math.MaxInt64,
	} {
		if got, ok := scalar.Whole([]byte(in)); got != want || !ok {
			t.Errorf("%s is %d %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{`null`, `"x"`, `1e300`, `"NaN"`, `"Inf"`, `[1]`, ``, `9223372036854775808`} {
		if got, ok := scalar.Whole([]byte(in)); ok {
			t.Errorf("%s is %d", in, got)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]float64{`1.5`: 1.5, `" -2 "`: -2, `3e2`: 300} {
		if got, ok := scalar.Number([]byte(in)); got != want || !ok {
			t.Errorf("%s is %v %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{`null`, `"x"`, `true`, `{}`} {
		if got, ok := scalar.Number([]byte(in)); ok {
			t.Errorf("%s is %v", in, got)
		}
	}
}

func TestTime(t *testing.T) {
	noon := time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		`1782043200`: noon, `"1782043200"`: noon, `1782043200.9`: noon,
		`0`: {}, `-1`: {}, `null`: {}, `253402300799`: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), `253402300800`: {},
	} {
		if got := scalar.Time([]byte(in)); !got.Equal(want) {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func FuzzScalars(f *testing.F) {
	for _, seed := range []string{`1`, `"1.5"`, `null`, `"\ud800"`, `-`, `1e999`, `"253402300800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = scalar.Number(b)
		if n, ok := scalar.Whole(b); !ok && n != 0 {
			t.Errorf("absent, but %d", n)
		}
		if _, err := scalar.Time(b).MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}
