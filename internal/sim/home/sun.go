package home

import (
	"math"
	"time"
)

// elevation is the height of the sun over the horizon in radians, to about
// half a degree: enough for a roof that nobody owns.
func elevation(t time.Time, latitude, longitude float64) float64 {
	t = t.UTC()
	hours := float64(t.Hour()) + float64(t.Minute())/60 + float64(t.Second())/3600
	year := 2 * math.Pi * (float64(t.YearDay()) - 1 + hours/24) / 365.25
	declination := 0.006918 - 0.399912*math.Cos(year) + 0.070257*math.Sin(year) -
		0.006758*math.Cos(2*year) + 0.000907*math.Sin(2*year)
	equation := 3.8197 * (0.000075 + 0.001868*math.Cos(year) - 0.032077*math.Sin(year) -
		0.014615*math.Cos(2*year) - 0.040849*math.Sin(2*year)) // hours
	angle := (hours - 12 + longitude/15 + equation) * math.Pi / 12
	lat := latitude * math.Pi / 180
	return math.Asin(math.Sin(lat)*math.Sin(declination) +
		math.Cos(lat)*math.Cos(declination)*math.Cos(angle))
}

// sunshine is the share of a panel's rated power that the sky gives, 0…1:
// the height of the sun less what the clouds take.
func (h *Home) sunshine(t time.Time) float64 {
	day := h.dayTime(t)
	el := elevation(day, h.cfg.Latitude, h.cfg.Longitude)
	if el <= 0 {
		return 0
	}
	clear := math.Min(1, 1.1*math.Pow(math.Sin(el), 1.15))
	at := float64(day.Unix())
	cover := 0.55*h.drift(1, at/5400) + 0.3*h.drift(2, at/900) + 0.15*h.drift(3, at/90)
	light := 1 - 0.75*smooth((cover-0.42)/0.3)
	flutter := 1 + 0.004*(h.noise(4, t.Unix())-0.5)
	return clear * light * flutter
}

// drift is a smooth random walk in 0…1 that takes a new direction at each
// whole x.
func (h *Home) drift(kind uint64, x float64) float64 {
	whole := math.Floor(x)
	a, b := h.noise(kind, int64(whole)), h.noise(kind, int64(whole)+1)
	return a + (b-a)*smooth(x-whole)
}

// noise is a random number in 0…1 that belongs to n for ever.
func (h *Home) noise(kind uint64, n int64) float64 {
	x := uint64(n)*0x9e3779b97f4a7c15 ^ kind*0xbf58476d1ce4e5b9 ^ h.cfg.Seed*0x94d049bb133111eb
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// smooth eases from 0 to 1 while x goes from 0 to 1.
func smooth(x float64) float64 {
	x = math.Max(0, math.Min(1, x))
	return x * x * (3 - 2*x)
}
