package enlighten

import (
	"context"
	"maps"
	"slices"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/reading"
)

// Day is the energy of one day in the home's time zone.
type Day struct {
	Date   string // 2006-01-02
	Energy reading.Energy
}

// lifetimeDoc is any of the *_lifetime series: Wh per day from StartDate on.
type lifetimeDoc struct {
	Start       text      `json:"start_date"`
	Production  wattHours `json:"production"`
	Consumption wattHours `json:"consumption"`
	Charge      wattHours `json:"charge"`
	Discharge   wattHours `json:"discharge"`
	Import      wattHours `json:"import"`
	Export      wattHours `json:"export"`
}

const longestLife = 50 * 366 // days; more is nonsense

// Daily fetches the days since commissioning up to yesterday, ascending: one
// call for each of up to five series. Where one may not be asked its energies
// are absent.
func (c *Client) Daily(ctx context.Context) ([]Day, error) {
	h, err := c.Home(ctx)
	if err != nil {
		return nil, err
	}
	endpoints := lifetimes(h)
	if err := c.budget.Check(budget.Need{Purpose: budget.Backfill, Calls: len(endpoints)}); err != nil {
		return nil, err
	}
	days := map[string]*reading.Energy{}
	for _, endpoint := range endpoints {
		var doc lifetimeDoc
		r := request{endpoint: endpoint, path: system(h.ID, "/"+endpoint), need: budget.Need{Purpose: budget.Backfill}}
		if err := c.get(ctx, r, &doc); optional(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		doc.spread(days)
	}
	var all []Day
	for _, date := range slices.Sorted(maps.Keys(days)) {
		e := *days[date]
		e.ConsumptionWh = house(h, e)
		all = append(all, Day{date, e})
	}
	return all, nil
}

func lifetimes(h Home) []string {
	all := []string{"energy_lifetime"}
	if h.Meters {
		all = append(all, "consumption_lifetime", "energy_import_lifetime", "energy_export_lifetime")
	}
	if h.Battery {
		all = append(all, "battery_lifetime")
	}
	return all
}

// spread puts the arrays on their dates. Zeros at the end mean "not reported
// yet", so they stay absent.
func (doc *lifetimeDoc) spread(days map[string]*reading.Energy) {
	start, err := time.Parse(time.DateOnly, string(doc.Start))
	if err != nil {
		return
	}
	for f, values := range map[reading.Flow]wattHours{
		reading.Production: doc.Production, reading.Consumption: doc.Consumption, reading.Charge: doc.Charge,
		reading.Discharge: doc.Discharge, reading.Import: doc.Import, reading.Export: doc.Export,
	} {
		last := len(values)
		for last > 0 && values[last-1].Or(0) == 0 {
			last--
		}
		for i, v := range values[:min(last, longestLife)] {
			if wh, known := v.Get(); !known || wh < 0 {
				continue
			}
			date := start.AddDate(0, 0, i).Format(time.DateOnly)
			if days[date] == nil {
				days[date] = &reading.Energy{}
			}
			*days[date].At(f) = v.Value
		}
	}
}
