package capture

// vocabulary are the words that names of fields may be made of: those of every
// page seen so far, and what else this trade may name a field by. A name with
// any other word in it is replaced.
const vocabulary = `
	a ac acb accessory acdc ack act action active address adjusted admin agf agg aggregate alarm alert alerts allowed
	alternate amps angle ap api apiver app apparent apprnt apprntpwr ars as asic assembly at ats auth avail available
	average avg b backbone backfeed backup balance balanced bat batt batteries battery bias black bm bmu boot bootloader
	breaker breakers broken build bus busbar by cabinet cache calibration cap capability capacity carrier cause cc cd ce
	cell cells certified cfg chan chaneid changed channel channels charge charger charging chcon chctf check chg chng
	chobs chtype city class clock closed cloud cmd cnt code coil collar collected collector com combiner comm commission
	commissioned communicating config configured connect connected connection consumption cont contact contactor
	contactors contacts control controller conv cool count counter counters country crank created ct ctcon ctctf ctobs
	ctrl cts cum cumulative curr currency current curtail curtailed curtailment cv cycle cycles daily data date dawn day
	days db dc dcdc debug default degraded delivered delta demand der derate derated dev device deviceid devices devimg
	devobs dhcp diagnostic direction disable discharge discharging dischg distortion dlvd dmdl dmir dongle down droop
	droops dry dtype duration dusk duty eca ecagt edcon efficiency eid eim email enable enabled enc encharge enchg end
	energy engine enlighten enp enpwr entry envoy eol epoch err error esr ess essential essimg esub euaid event events
	ever evse exc exercise exit export exported exporting ext external f factor failure fake fakeit fan fault faults
	ffuimg field fields filename files firmware flags flow forced fp fraction freq frequency fri from frozen fsm fuel full
	fuse fw g gain gateway gen generator generators geo get gficlearset ghz gmt gone grid gw handle hard hardware health
	heat hems hex high hostname hour hours humidity hw hysteresis hz i ibl id ids idx imeter img impedance import imported
	importing in index indexed info init injection inm input insert installed instantaneous interface interfaces interval
	inv inventory inverter inverters inverting ip irradiance is island islanded isolated issi item items joules kernel key
	kind kva kvah kvar kvarh kw kwh l lag lagg lagging last lat latitude ld lead leading leakage led leg legs level
	lifetime lifetimes limit limitation line lines link list live ll load loading loads location lock locked logger lon
	longitude loss low lvs mac main mains mamp manual manufacturer max maximum mdl mean measure measured measurement
	measurements mega memory message meta meter metering meterlog meters method mhz micro microinverter microinverters mid
	min minimum mins minute minutes missing mobile mod mode model modgone module modules mon month monthly more mppt mqtt
	ms msg must mva mvar mvolt mw mwh n name nameplate nan native nb neg network neutral night nm no noise nominal nonvoy
	not notfound now nsec nsrb null num number numrows nums obj ocv off offgrid offset ok on one online oor op open oper
	operating operation opt option options or order origin outage output overload override owner p pack package packages
	packs panel parallel parent part partial password past pct pcu peak peaks pebi pel perc percent percentage perf period
	periods pf phase phaseb phasec phases phone ping pkgsec plan plate plc pn pnum polarity poll pool port ports pos
	position post power powers present prev previous price primary priority procload produced producing production profile
	progress prop prov provisioned ptpn pulse pump pv pwr q quality quantity queue r rack radio ramp range rate rated
	rating ratio raw rcvd react reactive reading readings ready real reason reboot rec received record records recovery
	reduced reference region regulation relay relays release remote removed report reported reports req request requested
	reserve reserved reset resolution resp response rest restart result retries retry rev reverse revision rgm ride rms
	role rollover rootfs rows rpm rpt rsp rssi rt rtt rule run running rx rxmsg s safe sample samples sat save scale sched
	schedule schedules seasons sec secctrl second secondary seconds secs security select sell send seq seqnum sequence
	serial series session set setting settings seven shutdown sign signal single site size sleep slot sn snr soc soft
	software soh solar source spare speed spike srt ssid stack stage stale standby start started state stateful status
	step steps stop stopped storage str stream streamdata streaming street strength string strings sub subg submod
	submodule submodules sum summary sun sunrise sunset supported surplus sw swift switch sync synced system table tail
	tariff task tasks temp temperature temperatures test thd threshold through thu tick ticks tiers time timeout timer
	timestamp timezone tns to today toggle token tokens total totals tou tracker transaction transfer trip tripped tue tx
	txmsg txn type udmir unit units unknown unused up upd update updated upgrade uptime usage use used user username v va
	vah valid validity value values var varh variable vars vd ver vers version very virtual vls volt voltage vpp vq vrms w
	wait wake warm warning warnings wat watchdog watt watts wave web wed week weekly weeks wh wifi window wire wireless
	wires wiring write writes year years yesterday yield zb zero zigbee zip zmq zone
`

// quantities are words that make a field a measurement, a counter, a time or a
// number of the firmware's own (eid), whose number passes with every digit.
const quantities = `
	a active amps api apparent apprnt apprntpwr avail available bias cap capacity cd ce chan chaneid channel charge count
	counter counters created cum cumulative curr current cycles date day delivered demand discharge dlvd duration ecagt
	eid end energy entry epoch exit export exported f factor flags freq frequency hz i import imported installed
	instantaneous interval joules kva kvah kvar kvarh kw kwh lag lagg lagging ld lead leading lifetime limit load loading
	mamp max mhz min mva mvar mvolt mw mwh nameplate neg noise now offset p pct perc percent pf poll power price pwr q
	rate rated rating rcvd react reactive reading received report reported rms rpt rssi rxmsg sell seven soc soh start
	streamdata sum temp temperature thd tick time timestamp today total txmsg update updated uptime used v va vah var varh
	vars vd volt voltage vq vrms w watt watts week wh yesterday zero zmq
`

// personal are words of fields about a person, a place, a network or a secret.
// Nothing in them passes, not even a number.
const personal = `
	addr address bssid city cookie coord coordinate coordinates country county credential credentials customer email essid
	geo gps gsm hostname iccid imei imsi ip ipaddr jwt lat latitude lng location lon longitude mac mail mdn mobile msisdn
	nonce owner pass passphrase passwd password phone plz position postal postalcode postcode psk pwd secret session
	sessionid sim site ssid street surname tel telephone token user userid username wpa zip zipcode
`
