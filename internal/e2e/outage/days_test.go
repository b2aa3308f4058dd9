package outage_test

import (
	"encoding/json"
	"testing"
	"time"
)

// After the grant the page knows the days since commissioning, counted back
// from the first reading of our own.
func TestTheHistoryReachesBackToCommissioning(t *testing.T) {
	h := build(t)
	h.StartDaemon()
	own := h.Fresh()
	var rows [][]any
	at := -1
	h.Wait("the days before ours", func() bool {
		var history struct {
			Columns []string
			Rows    [][]any
		}
		from := time.Now().AddDate(-2, 0, 0).UTC().Format(time.RFC3339)
		if json.Unmarshal([]byte(h.Get("/api/v1/history?step=1d&from="+from)), &history) != nil {
			return false
		}
		rows = nil
		for i, c := range history.Columns {
			if c == "production_wh" {
				at = i
			}
		}
		for _, r := range history.Rows {
			if r[at] != nil {
				rows = append(rows, r)
			}
		}
		return len(rows) > 300
	})
	before := -1.0
	for _, r := range rows {
		wh, _ := r[at].(float64)
		if wh < before || wh > before+100e3 && before >= 0 {
			t.Errorf("%v: the counter went from %v to %v Wh", r[0], before, wh)
		}
		before = wh
	}
	if first, _ := rows[0][at].(float64); first > 0.02*own.Energy.ProductionWh.Or(0) {
		t.Errorf("at commissioning the counter stood at %v Wh", first)
	}
	if n := h.db.count(cloudSeries); n != 0 {
		t.Errorf("%d powers of the cloud were made up", n)
	}
	if r := h.Fresh(); r.Source != own.Source || r.Energy.ProductionWh.Or(0) < own.Energy.ProductionWh.Or(0) {
		t.Errorf("the present is %+v", r.Energy)
	}
}
