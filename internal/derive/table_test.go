package derive_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// TestPrintGolden prints what envoyd makes of each recorded gateway; it is
// what `make golden` shows. TestGoldenReadings compares all of it.
func TestPrintGolden(t *testing.T) {
	if !testing.Verbose() {
		return
	}
	dir := capturesDir(t)
	fmt.Printf("%-38s %9s %9s %9s %9s %12s %4s %4s  %s\n", "gateway",
		"made W", "house W", "grid W", "batt W", "made Wh", "inv", "bat", "grid from")
	for _, name := range captures(t) {
		c := openCapture(t, filepath.Join(dir, name))
		s := c.probe()
		p := derive.MakePlan(s)
		printRow(os.Stdout, name, p, p.Derive(s, derive.Clock{}, c.at))
	}
}

func printRow(w io.Writer, name string, p derive.Plan, r derive.Result) {
	text := func(v reading.Value, digits int) string {
		n, ok := v.Get()
		if !ok {
			return "-"
		}
		return fmt.Sprintf("%.*f", digits, n)
	}
	lifetime := reading.Value{}
	if len(r.Counters) > 0 {
		lifetime = reading.Of(balance(r, reading.Production))
	}
	power := r.Reading.Power
	_, _ = fmt.Fprintf(w, "%-38s %9s %9s %9s %9s %12s %4d %4d  %s\n", name, // to the screen
		text(power.ProductionW, 1), text(power.ConsumptionW, 1), text(power.GridW, 1), text(power.BatteryW, 1),
		text(lifetime, 0), len(r.Reading.Inverters), len(r.Reading.Batteries),
		strings.TrimSpace(p.Source(derive.Grid)+note(r)))
}

// note says what is not published.
func note(r derive.Result) string {
	if r.Hold {
		return " (held: nothing counted yet)"
	}
	if len(r.Refused) > 0 {
		return fmt.Sprintf(" (%d refused)", len(r.Refused))
	}
	return ""
}
