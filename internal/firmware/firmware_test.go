package firmware_test

import (
	"strings"
	"testing"

	"envoyd/internal/firmware"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]firmware.Version{
		"D8.2.4345": "8.2.4345", "R3.9.36": "3.9.36", "M4.2.33": "4.2.33", " D7.0 \n": "7.0", "8": "8",
		"": "", "D": "", "8..2": "", ".8": "", "8.": "", "8.2-beta": "", "8.2 D": "", "-1": "", "8.+2": "",
		strings.Repeat("9", 33): "",
	} {
		got, err := firmware.Parse(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Parse(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	ascending := []firmware.Version{"", "3.7.0", "3.9.36", "3.18.10", "6.99.99", "7", "7.3.130", "8.2.127", "8.2.4264", "8.3", "8.3.5433", "18446744073709551616.1"}
	for i, a := range ascending {
		for j, b := range ascending {
			want := max(-1, min(1, i-j))
			if got := a.Compare(b); got != want {
				t.Errorf("%q.Compare(%q) = %d, want %d", a, b, got, want)
			}
			if a.Less(b) != (want < 0) || a.AtLeast(b) != (want >= 0) {
				t.Errorf("%q and %q: Less or AtLeast disagree with Compare", a, b)
			}
		}
	}
	if firmware.Version("7").Compare("7.0.0") != 0 || firmware.Version("08.02").Compare("8.2") != 0 {
		t.Error("missing numbers and leading zeros must not count")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"D8.2.4345", "R3.9.36", "", "8..2", "D", "999999999999999999999.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := firmware.Parse(s)
		if err != nil {
			if v != "" {
				t.Fatal("a version beside an error")
			}
			return
		}
		if again, err := firmware.Parse(v.String()); err != nil || again != v {
			t.Fatalf("%q does not parse again: %q, %v", v, again, err)
		}
		if v.Compare(v) != 0 || v.Less("") {
			t.Fatalf("%q is not equal to itself or below the unknown", v)
		}
	})
}
