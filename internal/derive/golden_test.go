package derive_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

var update = flag.Bool("update", false, "rewrite the golden readings")

// golden is what is compared: the plan's sources and every derived number.
type golden struct {
	Plan     []string         `json:"plan"`
	Quirks   []string         `json:"quirks"`
	Poll     []string         `json:"poll"`
	Reading  reading.Reading  `json:"reading"`
	Counters []counter        `json:"counters"`
	Accounts []account        `json:"accounts"`
	Refused  []derive.Refusal `json:"refused,omitempty"`
	Hold     bool             `json:"hold,omitempty"`
}

type counter struct {
	Name    string        `json:"name"`
	Wh      reading.Value `json:"wh"`
	Time    string        `json:"time"`
	WrapWh  float64       `json:"wrap_wh,omitempty"`
	MaxW    float64       `json:"max_w,omitempty"`
	StepWh  float64       `json:"step_wh,omitempty"`
	Balance bool          `json:"balance,omitempty"`
}

type account struct {
	Flow   reading.Flow  `json:"flow"`
	Terms  []string      `json:"terms,omitempty"`
	PowerW reading.Value `json:"power_w,omitzero"`
	Held   bool          `json:"held,omitempty"`
}

func goldenOf(c capture) golden {
	s := c.probe()
	p := derive.MakePlan(s)
	r := p.Derive(s, derive.Clock{}, c.at)
	withoutSerials(&r.Reading)
	g := golden{Plan: p.Lines(), Reading: r.Reading, Refused: r.Refused, Hold: r.Hold}
	for _, q := range p.Quirks {
		g.Quirks = append(g.Quirks, q.Name)
	}
	for _, e := range p.Endpoints() {
		g.Poll = append(g.Poll, string(e.Tier)+" "+e.Path)
	}
	for _, c := range r.Counters {
		g.Counters = append(g.Counters, counter{c.Name, reading.Of(c.Wh), c.Time.Format("2006-01-02T15:04:05Z"), c.WrapWh, c.MaxW, c.StepWh, c.Balance})
	}
	for _, a := range r.Accounts {
		one := account{Flow: a.Flow, PowerW: a.PowerW, Held: a.Held}
		for _, t := range a.Terms {
			one.Terms = append(one.Terms, map[bool]string{true: "+", false: "-"}[t.Sign > 0]+t.Counter)
		}
		g.Accounts = append(g.Accounts, one)
	}
	return g
}

// withoutSerials leaves of a recording only what was derived.
func withoutSerials(r *reading.Reading) {
	r.Serial = ""
	for i := range r.Inverters {
		r.Inverters[i].Serial = fmt.Sprint("inverter ", i+1)
	}
	for i := range r.Batteries {
		r.Batteries[i].Serial = fmt.Sprint("battery ", i+1)
	}
	for i := range r.Controllers {
		r.Controllers[i].Serial = fmt.Sprint("controller ", i+1)
	}
}

func TestGoldenReadings(t *testing.T) {
	dir := capturesDir(t)
	for _, name := range captures(t) {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(goldenOf(openCapture(t, filepath.Join(dir, name)))); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
