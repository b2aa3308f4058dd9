package answer

// V1 is /api/v1/production: four numbers, from the CT where one is configured
// (then a stored 15-minute bucket), else the sum of the inverters.
type V1 struct {
	PowerW     Num `json:"wattsNow"`
	TodayWh    Num `json:"wattHoursToday"`
	WeekWh     Num `json:"wattHoursSevenDays"`
	LifetimeWh Num `json:"wattHoursLifetime"`
}

// ParseV1 parses /api/v1/production.
func ParseV1(body []byte) (V1, error) {
	var v V1
	if err := decode(body, '{', &v); err != nil {
		return V1{}, err
	}
	if !v.PowerW.Known() && !v.LifetimeWh.Known() {
		return V1{}, ErrShape
	}
	return v, nil
}

// Empty reports whether every energy is 0: a gateway that just started, or a
// firmware that does not fill this endpoint.
func (v V1) Empty() bool {
	return v.TodayWh.Or(0) == 0 && v.WeekWh.Or(0) == 0 && v.LifetimeWh.Or(0) == 0
}
