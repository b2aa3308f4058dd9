package ledger_test

import (
	"slices"
	"testing"
	"time"

	"envoyd/internal/reading"
)

// While it is awaited what the battery took of the sun, the house's use stands
// still: it cannot be taken back.
func TestConsumptionAwaitsWhatTheBatteryTook(t *testing.T) {
	h, after := storage(t)
	h.in.Awaited = true
	from, to := h.local(22, 7, 0), h.local(22, 10, 0)
	after(h.local(22, 0, 0), 8000, 0)
	before := after(from, 9000, 0)
	first := after(to, 12000, 0)
	h.near("consumption at the end of the gap", first.Energy.ConsumptionWh, 9000)
	h.restart()
	h.near("consumption meanwhile", after(to.Add(10*time.Minute), 12100, 0).Energy.ConsumptionWh, 9100)
	m := even(before, first, from, to, reading.Energy{ChargeWh: reading.Of(900)})
	c := h.misses(m)
	h.near("credit", c.Energy.ConsumptionWh, 2100)
	h.near("consumption with it", c.Now.ConsumptionWh, 11200)
	out := after(to.Add(20*time.Minute), 12200, 0)
	h.near("consumption", out.Energy.ConsumptionWh, 11300)
	h.near("consumption today", out.Today.ConsumptionWh, 3300)
	h.near("credit again", h.misses(m).Energy.ConsumptionWh, 2100)
	h.near("consumption", after(to.Add(30*time.Minute), 12300, 0).Energy.ConsumptionWh, 11400)
}

func TestConsumptionAwaitsNotForEver(t *testing.T) {
	h, after := storage(t)
	h.in.Awaited = true
	from, to := h.local(21, 21, 0), h.local(22, 3, 0)
	before := after(from, 9000, 0)
	first := after(to, 15000, 0)
	h.near("consumption", after(to.Add(2*time.Hour), 15000, 0).Energy.ConsumptionWh, 9000)
	after(to.Add(149*time.Minute), 15000, 0)
	out := after(to.Add(150*time.Minute), 15010, 0)
	h.near("consumption", out.Energy.ConsumptionWh, 15010)
	if v := out.Today.ConsumptionWh.Or(0); v < 3000 || v > 3020 || !slices.Contains(out.Estimated, "today.consumption_wh") {
		t.Errorf("today is %v, want half of the gap; estimated %v", v, out.Estimated)
	}
	c := h.misses(even(before, first, from, to, reading.Energy{DischargeWh: reading.Of(600)}))
	h.near("credit", c.Energy.ConsumptionWh, 600)
	out = after(to.Add(151*time.Minute), 15010, 0)
	h.near("consumption", out.Energy.ConsumptionWh, 15610)
	h.near("consumption today", out.Today.ConsumptionWh, 3310)
}
