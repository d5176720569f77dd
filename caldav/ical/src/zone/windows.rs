//! Windows zones: their names, and the texts that Windows and Outlook show for them.

use windows_timezones::WindowsTimezone;
use windows_timezones::WindowsTimezone::*;

/// The IANA name of a Windows name.
pub(super) fn by_name(name: &str) -> Option<&'static str> {
    ALL.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).map(|zone| zone.tzdb_id())
}

/// The IANA name of a text that Windows shows, without the offset in front.
///
/// Such texts differ between releases in the places they list and in how they join them, so a text that is not known
/// to the letter is told by its first place.
pub(super) fn by_display(shown: &str) -> Option<&'static str> {
    let shown = letters(shown);
    if shown.is_empty() {
        return None;
    }
    let exact = ALL.iter().find(|zone| letters(places(zone.description())) == shown);
    let former = || FORMER.iter().find(|(text, _)| letters(text) == shown).map(|&(_, iana)| iana);
    exact.map(|zone| zone.tzdb_id()).or_else(former)
}

fn places(description: &str) -> &str {
    description.split_once(')').map_or(description, |(_, places)| places)
}

/// Letters and digits only, in lower case: `Amsterdam, Berlin` and `Amsterdam / Berlin` are one text.
fn letters(text: &str) -> String {
    let text = text.to_lowercase().replace(" and ", " ");
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Texts of former releases (Windows XP to 7, Exchange 2003 to 2010).
const FORMER: &[(&str, &str)] = &[
    ("Eastern", "America/New_York"),
    ("Central", "America/Chicago"),
    ("Mountain", "America/Denver"),
    ("Pacific", "America/Los_Angeles"),
    ("Pacific Time (US & Canada); Tijuana", "America/Los_Angeles"),
    ("Atlantic Time (Canada)", "America/Halifax"),
    ("Indiana (East)", "America/Indiana/Indianapolis"),
    ("Guadalajara, Mexico City, Monterrey", "America/Mexico_City"),
    ("Mexico City, Tegucigalpa", "America/Mexico_City"),
    ("Bogota, Lima, Quito", "America/Bogota"),
    ("Caracas, La Paz", "America/Caracas"),
    ("Brasilia", "America/Sao_Paulo"),
    ("Buenos Aires, Georgetown", "America/Argentina/Buenos_Aires"),
    ("Greenwich Mean Time", "Europe/London"),
    ("Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London", "Europe/London"),
    ("Casablanca, Monrovia", "Africa/Casablanca"),
    ("Monrovia, Reykjavik", "Atlantic/Reykjavik"),
    ("Paris, Madrid, Brussels, Copenhagen", "Europe/Paris"),
    ("Paris, Madrid", "Europe/Paris"),
    ("Berlin, Stockholm, Rome, Bern, Brussels, Vienna", "Europe/Berlin"),
    ("Prague, Central Europe", "Europe/Prague"),
    ("Sarajevo, Skopje, Sofija, Vilnius, Warsaw, Zagreb", "Europe/Warsaw"),
    ("Athens, Istanbul, Minsk", "Europe/Athens"),
    ("Athens, Bucharest, Istanbul", "Europe/Bucharest"),
    ("Bucharest", "Europe/Bucharest"),
    ("Eastern Europe", "Europe/Bucharest"),
    ("Helsinki, Riga, Tallinn", "Europe/Helsinki"),
    ("Harare, Pretoria", "Africa/Johannesburg"),
    ("Jerusalem, Israel", "Asia/Jerusalem"),
    ("Moscow, St. Petersburg, Volgograd", "Europe/Moscow"),
    ("Baghdad, Kuwait, Riyadh", "Asia/Baghdad"),
    ("Kuwait, Riyadh", "Asia/Riyadh"),
    ("Abu Dhabi, Muscat, Tbilisi", "Asia/Dubai"),
    ("Baku, Tbilisi, Yerevan", "Asia/Baku"),
    ("Islamabad, Karachi, Tashkent", "Asia/Karachi"),
    ("Bombay, Calcutta, Madras, New Delhi, Colombo", "Asia/Kolkata"),
    ("Kolkata, Chennai, Mumbai, New Delhi, India Standard Time", "Asia/Kolkata"),
    ("Kathmandu, Nepal", "Asia/Kathmandu"),
    ("Almaty, Dhaka", "Asia/Dhaka"),
    ("Bangkok, Jakarta, Hanoi", "Asia/Bangkok"),
    ("Beijing, Chongqing, Hong Kong SAR, Urumqi", "Asia/Shanghai"),
    ("Hong Kong SAR, Beijing, Urumqi", "Asia/Shanghai"),
    ("Singapore, Kuala Lumpur", "Asia/Singapore"),
    ("Seoul, Korea Standard Time", "Asia/Seoul"),
    ("Tokyo, Osaka, Sapporo, Seoul, Yakutsk", "Asia/Tokyo"),
    ("Canberra, Melbourne, Sydney, Hobart", "Australia/Sydney"),
    ("Brisbane, East Australia", "Australia/Brisbane"),
    ("Guam, Port Moresby", "Pacific/Port_Moresby"),
    ("Auckland, Wellington", "Pacific/Auckland"),
    ("Fiji, Kamchatka, Marshall Is.", "Pacific/Fiji"),
    ("Universal Coordinated Time", "UTC"),
];

#[rustfmt::skip]
const ALL: [WindowsTimezone; 139] = [
    DatelineStandardTime, UtcMinus11, AleutianStandardTime, HawaiianStandardTime, MarquesasStandardTime,
    AlaskanStandardTime, UtcMinus09, PacificStandardTimeMexico, UtcMinus08, PacificStandardTime,
    UsMountainStandardTime, MountainStandardTimeMexico, MountainStandardTime, YukonStandardTime,
    CentralAmericaStandardTime, CentralStandardTime, EasterIslandStandardTime, CentralStandardTimeMexico,
    CanadaCentralStandardTime, SaPacificStandardTime, EasternStandardTimeMexico, EasternStandardTime,
    HaitiStandardTime, CubaStandardTime, UsEasternStandardTime, TurksAndCaicosStandardTime,
    ParaguayStandardTime, AtlanticStandardTime, VenezuelaStandardTime, CentralBrazilianStandardTime,
    SaWesternStandardTime, PacificSaStandardTime, NewfoundlandStandardTime, TocantinsStandardTime,
    ESouthAmericaStandardTime, SaEasternStandardTime, ArgentinaStandardTime, GreenlandStandardTime,
    MontevideoStandardTime, MagallanesStandardTime, SaintPierreStandardTime, BahiaStandardTime, UtcMinus02,
    AzoresStandardTime, CapeVerdeStandardTime, Utc, GmtStandardTime, GreenwichStandardTime,
    SaoTomeStandardTime, MoroccoStandardTime, WEuropeStandardTime, CentralEuropeStandardTime,
    RomanceStandardTime, CentralEuropeanStandardTime, WCentralAfricaStandardTime, JordanStandardTime,
    GtbStandardTime, MiddleEastStandardTime, EgyptStandardTime, EEuropeStandardTime, SyriaStandardTime,
    WestBankStandardTime, SouthAfricaStandardTime, FleStandardTime, IsraelStandardTime,
    SouthSudanStandardTime, KaliningradStandardTime, SudanStandardTime, LibyaStandardTime,
    NamibiaStandardTime, ArabicStandardTime, TurkeyStandardTime, ArabStandardTime, BelarusStandardTime,
    RussianStandardTime, EAfricaStandardTime, IranStandardTime, ArabianStandardTime, AstrakhanStandardTime,
    AzerbaijanStandardTime, RussiaTimeZone3, MauritiusStandardTime, SaratovStandardTime,
    GeorgianStandardTime, VolgogradStandardTime, CaucasusStandardTime, AfghanistanStandardTime,
    WestAsiaStandardTime, EkaterinburgStandardTime, PakistanStandardTime, QyzylordaStandardTime,
    IndiaStandardTime, SriLankaStandardTime, NepalStandardTime, CentralAsiaStandardTime,
    BangladeshStandardTime, OmskStandardTime, MyanmarStandardTime, SeAsiaStandardTime, AltaiStandardTime,
    WMongoliaStandardTime, NorthAsiaStandardTime, NCentralAsiaStandardTime, TomskStandardTime,
    ChinaStandardTime, NorthAsiaEastStandardTime, SingaporeStandardTime, WAustraliaStandardTime,
    TaipeiStandardTime, UlaanbaatarStandardTime, AusCentralWStandardTime, TransbaikalStandardTime,
    TokyoStandardTime, NorthKoreaStandardTime, KoreaStandardTime, YakutskStandardTime,
    CenAustraliaStandardTime, AusCentralStandardTime, EAustraliaStandardTime, AusEasternStandardTime,
    WestPacificStandardTime, TasmaniaStandardTime, VladivostokStandardTime, LordHoweStandardTime,
    BougainvilleStandardTime, RussiaTimeZone10, MagadanStandardTime, NorfolkStandardTime,
    SakhalinStandardTime, CentralPacificStandardTime, RussiaTimeZone11, NewZealandStandardTime, UtcPlus12,
    FijiStandardTime, ChathamIslandsStandardTime, UtcPlus13, TongaStandardTime, SamoaStandardTime,
    LineIslandsStandardTime,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_windows_zone_leads_to_a_zone_of_the_database() {
        for zone in ALL {
            assert!(super::super::Zone::iana(zone.tzdb_id()).is_some(), "{}", zone.name());
            assert_eq!(by_name(zone.name()), Some(zone.tzdb_id()));
            assert_eq!(
                by_display(places(zone.description())),
                Some(zone.tzdb_id()),
                "{}",
                zone.description()
            );
        }
        for (_, name) in FORMER {
            assert!(super::super::Zone::iana(name).is_some(), "{name}");
        }
    }
}
