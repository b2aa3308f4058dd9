package answer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/answer"
	"envoyd/internal/reading"
)

func TestNumIsLenient(t *testing.T) {
	for text, want := range map[string]reading.Value{
		`12`: reading.Of(12), `12.5`: reading.Of(12.5), `"12.5"`: reading.Of(12.5), `" 7 "`: reading.Of(7),
		`-0.000`: reading.Of(0), `1e3`: reading.Of(1000), `-4`: reading.Of(-4),
		`4294967292`: {}, `4294967295`: {}, `4294967292.5`: reading.Of(4294967292.5), `4294967296`: reading.Of(4294967296),
		`"unknown"`: {}, `"NaN"`: {}, `"Infinity"`: {}, `null`: {}, `""`: {}, `true`: {}, `[1]`: {}, `{"a":1}`: {}, `1e999`: {},
	} {
		t.Run(text, func(t *testing.T) {
			var n answer.Num
			if err := json.Unmarshal([]byte(text), &n); err != nil {
				t.Fatal(err)
			}
			if n.Value != want {
				t.Errorf("got %v, want %v", n.Value, want)
			}
		})
	}
}

func TestWholeNumbersKeepEveryDigit(t *testing.T) {
	var got struct {
		EID    answer.Int
		Float  answer.Int
		Word   answer.Int
		Joules answer.Joules
		Text   answer.Joules
		None   answer.Joules
		Below  answer.Joules
	}
	body := `{"EID":9007199254740993,"Float":1752974746.9,"Word":"x","Joules":9007199254740993,"Text":"4904101572","None":"unknown","Below":-1}`
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.EID != 9007199254740993 || got.Float != 1752974746 || got.Word != 0 {
		t.Errorf("whole numbers: %+v", got)
	}
	want := [4]answer.Joules{{N: 9007199254740993, Known: true}, {N: 4904101572, Known: true}, {}, {}}
	if diff := cmp.Diff(want, [4]answer.Joules{got.Joules, got.Text, got.None, got.Below}); diff != "" {
		t.Error(diff)
	}
	if wh := got.Text.Wh(); wh != reading.Of(4904101572.0/3600) {
		t.Errorf("4904101572 J are %v Wh", wh)
	}
	if got.None.Wh().Known() {
		t.Error("unknown joules became a number")
	}
}

func TestEpochs(t *testing.T) {
	at := time.Unix(1752974746, 0).UTC()
	for text, want := range map[string]time.Time{
		`1752974746`: at, `1752974746.0`: at, `"1752974746"`: at, `1752974746.9`: at,
		`0`: {}, `-5`: {}, `"never"`: {}, `null`: {}, `1e18`: {}, `253402300800`: {},
	} {
		var e answer.Epoch
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if !e.Equal(want) {
			t.Errorf("%s: got %v, want %v", text, e.Time, want)
		}
	}
}

func TestFlags(t *testing.T) {
	for text, want := range map[string][2]bool{ // yes, no
		`true`: {true, false}, `"true"`: {true, false}, `1`: {true, false}, `"True"`: {true, false},
		`false`: {false, true}, `"false"`: {false, true}, `0`: {false, true},
		`null`: {}, `"maybe"`: {}, `2`: {}, `[]`: {},
	} {
		var f answer.Flag
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		if f.Yes() != want[0] || f.No() != want[1] {
			t.Errorf("%s: yes %v, no %v", text, f.Yes(), f.No())
		}
	}
}

func TestSerialsAreSafeInTopics(t *testing.T) {
	for text, want := range map[string]answer.Serial{
		`"122344043197"`: "122344043197", `122344043197`: "122344043197", `"A-1_b"`: "A-1_b",
		`"a/b"`: "", `"#"`: "", `"+"`: "", `"<b>"`: "", `"122 344"`: "", `null`: "", `{}`: "",
		`"123456789012345678901234567890123"`: "",
	} {
		var s answer.Serial
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if s != want {
			t.Errorf("%s: got %q, want %q", text, s, want)
		}
	}
}
