package derive_test

import (
	"fmt"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// ensembleHouse has a battery of 5000 Wh, told of 10 minutes before noon, and a
// controller whose relay is in a state.
func ensembleHouse(relay string) answers {
	return withEncharge.with(answers{
		"/ivp/ensemble/inventory": fmt.Sprintf(`[{"type":"ENCHARGE","devices":[{"serial_num":"492300000001","percentFull":50,"encharge_capacity":5000,"last_rpt_date":%d}]},
			{"type":"ENPOWER","devices":[{"serial_num":"1","mains_oper_state":%q}]}]`, noon.Add(-10*time.Minute).Unix(), relay),
		"/ivp/ensemble/power":   `{"devices:":[{"serial_num":"492300000001","real_power_mw":-500000,"soc":51}]}`,
		"/ivp/ensemble/secctrl": `{"agg_soc":52,"ENC_agg_soc":52,"ENC_agg_avail_energy":2600,"Enc_max_available_capacity":5000,"configured_backup_soc":20}`,
	})
}

func TestStateThatNobodyRenewsIsUnknown(t *testing.T) {
	s := ensembleHouse("closed").probe(t, identity("D8.2.4345"))
	p := derive.MakePlan(s)
	at := func(d time.Duration) reading.Reading { return p.Derive(s, derive.Clock{}, noon.Add(d)).Reading }
	quiet := at(14 * time.Minute) // the gateway is not asked around 23:00
	if quiet.GridState != reading.OnGrid || quiet.Storage.SoCPct != reading.Of(52) || quiet.Storage.AvailableWh != reading.Of(2600) {
		t.Errorf("after 14 minutes: %q, %+v", quiet.GridState, quiet.Storage)
	}
	old := at(16 * time.Minute)
	if old.GridState != "" || old.Storage.SoCPct.Known() || old.Storage.AvailableWh.Known() {
		t.Errorf("after 16 minutes: %q, %+v", old.GridState, old.Storage)
	}
	if len(old.Batteries) != 1 || len(old.Controllers) != 1 || old.Storage.CapacityWh != reading.Of(5000) {
		t.Errorf("what is installed is gone: %+v", old)
	}
	for path, body := range ensembleHouse("closed") { // by a configuration that asks each half hour
		put(t, s, path, body, noon.Add(30*time.Minute))
	}
	if slow := at(80 * time.Minute); slow.GridState != reading.OnGrid || slow.Storage.SoCPct != reading.Of(52) {
		t.Errorf("less than two polls later: %q, %+v", slow.GridState, slow.Storage)
	}
}

func TestGridThatWasLostIsNotCountedUntilItIsBack(t *testing.T) {
	s := ensembleHouse("open").probe(t, identity("D8.2.4345"))
	r := derive.MakePlan(s).Derive(s, derive.Clock{}, noon.Add(time.Hour))
	if a, _ := accountOf(r, reading.Import); !a.Held || r.Reading.GridState != "" {
		t.Errorf("import %+v, grid %q", a, r.Reading.GridState)
	}
}

func TestChargeIsThatOfTheNewerPage(t *testing.T) {
	secctrl := answers{"/ivp/ensemble/secctrl": ""}
	for name, c := range map[string]struct {
		is    answers
		after time.Duration // until the inventory is asked once more
		want  float64
	}{
		"power, renewed each few seconds":     {ensembleHouse("closed"), time.Minute, 51},
		"the inventory while power is silent": {ensembleHouse("closed"), 12 * time.Minute, 50},
		"the inventory of a battery without": {ensembleHouse("closed").with(answers{
			"/ivp/ensemble/power": `{"devices:":[{"serial_num":"492300000001","real_power_mw":-500000,"soc":255}]}`}), time.Minute, 50},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.is.with(secctrl).probe(t, identity("D8.2.4345"))
			p, now := derive.MakePlan(s), noon.Add(c.after)
			body := c.is["/ivp/ensemble/inventory"]
			put(t, s, "/ivp/ensemble/inventory", replaceUnix(body, noon.Add(-10*time.Minute), now.Add(-10*time.Minute)), now)
			if soc := p.Derive(s, derive.Clock{}, now).Reading.Storage.SoCPct; soc != reading.Of(c.want) {
				t.Errorf("charged to %v %%, want %v", soc, c.want)
			}
		})
	}
}
