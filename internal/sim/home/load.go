package home

import "time"

// appliance is something that is switched on once a day.
type appliance struct {
	kind    uint64
	watts   float64
	from    float64 // earliest hour of the day
	spread  float64 // hours within which it starts
	minutes float64
}

// appliances of a household, by the hour they are used at.
func appliances() []appliance {
	return []appliance{
		{11, 1900, 6.3, 0.8, 4},    // kettle
		{12, 900, 6.6, 0.6, 7},     // toaster
		{13, 2000, 9, 4, 22},       // washing machine, heating
		{14, 350, 9.5, 4, 50},      // washing machine, drum
		{15, 2100, 11.6, 0.9, 25},  // cooking at noon
		{16, 1800, 13.2, 2, 18},    // dishwasher
		{17, 2600, 17.6, 1.3, 45},  // oven
		{18, 1900, 18.2, 3.4, 5},   // kettle again
		{19, 180, 19, 1, 170},      // television
		{20, 2200, 21.2, 1.2, 15},  // shower pump and hairdryer
		{21, 3600, 22.4, 0.5, 110}, // the car
	}
}

// loadW is what the house uses at t in W.
func (h *Home) loadW(t time.Time) float64 {
	day := h.dayTime(t)
	hour := float64(day.Hour()) + float64(day.Minute())/60 + float64(day.Second())/3600
	number := day.Unix() / 86400
	watts := 190 + 60*h.drift(5, float64(day.Unix())/600)
	if h.drift(6, float64(day.Unix())/1500) > 0.55 {
		watts += 95 // refrigerator
	}
	watts += 220 * smooth(1-abs(hour-20.5)/3) // lights
	for _, a := range appliances() {
		start := a.from + a.spread*h.noise(a.kind, number)
		if hour >= start && hour < start+a.minutes/60 {
			watts += a.watts * (0.97 + 0.06*h.noise(a.kind+100, t.Unix()))
		}
	}
	return watts * (0.985 + 0.03*h.noise(7, t.Unix()))
}

// loadShares says how the load lies on the phases; they sum to 1.
func (h *Home) loadShares(t time.Time) [3]float64 {
	switch h.cfg.Phases {
	case 1:
		return [3]float64{1, 0, 0}
	case 2:
		a := 0.4 + 0.25*h.drift(8, float64(t.Unix())/700)
		return [3]float64{a, 1 - a, 0}
	}
	a := 0.3 + 0.2*h.drift(8, float64(t.Unix())/700)
	b := 0.2 + 0.2*h.drift(9, float64(t.Unix())/900)
	return [3]float64{a, b, 1 - a - b}
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
