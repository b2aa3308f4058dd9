package answer

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"

	"envoyd/internal/reading"
)

// Page is the HTML /production of firmware 3.x, the only numbers that 3.7 gives.
type Page struct {
	PowerW     reading.Value
	LifetimeWh reading.Value
	// LifetimeStepWh is the resolution of LifetimeWh: "133 MWh" moves by a
	// whole megawatt-hour.
	LifetimeStepWh float64
}

// units are what the page writes behind its numbers.
var units = map[string]float64{
	"W": 1, "kW": 1e3, "MW": 1e6,
	"Wh": 1, "kWh": 1e3, "MWh": 1e6, "GWh": 1e9,
}

// ParsePage parses the table of the HTML /production. The other pages of the
// gateway's user interface are ErrShape.
func ParsePage(body []byte) (Page, error) {
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		return Page{}, ErrShape
	}
	var p Page
	doc.Find("tr").Each(func(_ int, row *goquery.Selection) {
		cells := row.ChildrenFiltered("td")
		value, step := quantity(cells.Eq(1).Text())
		switch strings.TrimSpace(cells.Eq(0).Text()) {
		case "Currently":
			p.PowerW = value
		case "Since Installation":
			p.LifetimeWh, p.LifetimeStepWh = value, step
		}
	})
	if !p.PowerW.Known() && !p.LifetimeWh.Known() {
		return Page{}, ErrShape
	}
	return p, nil
}

// quantity reads "6.63 kW" and returns the value in the base unit and what
// its last digit is worth.
func quantity(text string) (value reading.Value, step float64) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return reading.Value{}, 0
	}
	factor, known := units[fields[1]]
	number, err := strconv.ParseFloat(fields[0], 64)
	if !known || err != nil {
		return reading.Value{}, 0
	}
	step = factor
	if _, decimals, ok := strings.Cut(fields[0], "."); ok {
		step = factor / math.Pow10(min(len(decimals), 9))
	}
	return reading.Of(number * factor), step
}
