"""Holds the words the simulated world is made of."""

from __future__ import annotations

FIRST_NAMES = (
    "Jan", "Piet", "Kees", "Daan", "Sem", "Lucas", "Levi", "Finn", "Noah", "Bram", "Thomas", "Lars",
    "Ruben", "Jesse", "Tim", "Mohamed", "Youssef", "Ahmed", "Murat", "André", "René", "Joël", "Gerrit",
    "Hendrik", "Willem", "Johan", "Peter", "Mark", "Paul", "Erik", "Emma", "Julia", "Mila", "Tess",
    "Sophie", "Zoë", "Sara", "Anna", "Eva", "Lotte", "Noor", "Fleur", "Isa", "Maria", "Johanna", "Anneke",
    "Marieke", "Ingrid", "Monique", "Esther", "Fatima", "Aïsha", "Naima", "Elif", "Chloé", "Renée", "Anouk",
    "Femke", "Sanne", "Lieke", "Roos", "Linda", "Petra", "Karin", "Wilma", "Yvonne", "Ellen", "Hanneke",
)  # fmt: skip
LAST_NAMES = (
    "de Jong", "Jansen", "de Vries", "van den Berg", "van Dijk", "Bakker", "Janssen", "Visser", "Smit",
    "Meijer", "de Boer", "Mulder", "de Groot", "Bos", "Vos", "Peters", "Hendriks", "van Leeuwen", "Dekker",
    "Brouwer", "de Wit", "Dijkstra", "Smits", "de Graaf", "van der Meer", "Kok", "Jacobs", "van der Linden",
    "Vermeulen", "de Haan", "van den Heuvel", "van der Veen", "van den Broek", "Schouten", "van Beek",
    "Willems", "van Vliet", "van de Ven", "Hoekstra", "Maas", "Verhoeven", "Koster", "van Dam", "Prins",
    "Blom", "Huisman", "Peeters", "de Bruijn", "Kuipers", "Veenstra", "Kramer", "van Wijk", "Postma",
    "Martens", "Scholten", "Bosch", "Yilmaz", "Kaya", "El Amrani", "Bouzid", "Nguyen", "Singh", "Kowalski",
    "Müller", "Söderberg", "Citroën", "Groeneveld", "Timmermans", "Evers", "Gerritsen", "Sanders",
    "van Loon", "Hermans", "Molenaar", "Verbeek", "Wolters", "Driessen",
)  # fmt: skip
STREETS = (
    "Dorpsstraat", "Kerkstraat", "Molenweg", "Schoolstraat", "Stationsweg", "Julianastraat", "Beatrixlaan",
    "Parklaan", "Havenkade", "Lindelaan", "Eikenlaan", "Kastanjelaan", "Nieuwstraat", "Hoofdweg",
    "Dijkstraat", "Marktplein", "Wilhelminaweg", "Bergstraat", "Zuiderpark", "Noordkade", "Prinsengracht",
    "Oudegracht", "Singel", "Vondelstraat", "Rembrandtlaan", "Beukenhof", "Meidoornpad", "Zonnebloemstraat",
)  # fmt: skip
CITIES = (
    ("Amsterdam", 10), ("Rotterdam", 30), ("Den Haag", 25), ("Utrecht", 35), ("Eindhoven", 56),
    ("Groningen", 97), ("Tilburg", 50), ("Almere", 13), ("Breda", 48),
    ("Nijmegen", 65), ("Apeldoorn", 73), ("Haarlem", 20),
    ("Arnhem", 68), ("Enschede", 75), ("Amersfoort", 38), ("Zaandam", 15), ("Den Bosch", 52), ("Zwolle", 80),
    ("Leiden", 23), ("Maastricht", 62),
)  # fmt: skip
MAIL_HOSTS = ("gmail.com", "hotmail.com", "outlook.com", "ziggo.nl", "kpnmail.nl", "icloud.com", "live.nl")
JUNK_EMAIL = "geen@email.nl"

# category, number of products, price of a typical product in euros
CATEGORIES = (
    ("furniture", 60, 189.0), ("lighting", 45, 49.0), ("textile", 60, 29.0), ("kitchen", 70, 24.0),
    ("bathroom", 35, 19.0), ("garden", 45, 39.0), ("decoration", 60, 16.0), ("storage", 35, 22.0),
    ("pets", 25, 18.0), ("coffee", 25, 14.0),
)  # fmt: skip

STORES = tuple(f"S{number:02d}" for number in range(1, 25))

BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
)
BROWSER_TYPES = ("Mobile", "Mobile", "Computer", "Computer", "Tablet")
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.3",
    "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/136.0.0.0 Safari/537.36",
)
MAIL_PROGRAMS = ("AppleMail/3826", "GmailImageProxy", "Outlook-iOS/2.0", "Thunderbird/128.9")

REFERRERS = ("www.google.com", "www.bing.com", "duckduckgo.com")
SITES = ("www.vtwonen.nl", "nl.pinterest.com", "www.kieskeurig.nl", "tweakers.net")
SEARCHES = (
    "bank",
    "lamp",
    "gordijn",
    "pannenset",
    "handdoek",
    "tuinstoel",
    "vaas",
    "opbergbox",
    "koffie",
    "kussen",
)

# platform, network, name of the campaign, price of a click in euros, clicks per impression
AD_CAMPAIGNS = (
    ("google", "search", "search_brand", 0.28, 0.09),
    ("google", "search", "search_furniture", 0.95, 0.05),
    ("google", "search", "search_kitchen", 0.80, 0.05),
    ("google", "video", "video_living", 0.40, 0.004),
    ("meta", "social", "social_prospecting", 0.55, 0.010),
    ("meta", "social", "social_retargeting", 0.48, 0.016),
    ("meta", "social", "social_lookalike", 0.60, 0.009),
    ("display_network", "display", "display_prospecting", 0.30, 0.002),
    ("display_network", "display", "display_retargeting", 0.35, 0.004),
)
NETWORKS = ("search", "social", "video", "display")
PLACEMENTS = {
    "search": "search_results", "social": "feed", "video": "in_stream", "display": "banner_300x250",
}  # fmt: skip

SOCIAL_NETWORKS = ("instagram", "facebook", "x", "tiktok")
PRAISE = (
    "Heel blij met mijn nieuwe aankoop!", "Snel geleverd, mooi spul.", "Top winkel, komen zeker terug.",
    "Love the new collection", "Nieuwe lamp staat geweldig",
)  # fmt: skip
COMPLAINTS = (
    "Al twee weken aan het wachten op antwoord...", "Slechte service, niemand neemt op.",
    "Pakket weer te laat.", "Still no reply. Very disappointed.", "Nooit meer bestellen hier",
)  # fmt: skip
QUESTIONS = (
    "Wanneer komt deze weer op voorraad?", "Kan ik dit ook in de winkel ophalen?",
    "Is this available in green?", "Hoe lang is de garantie?",
)  # fmt: skip
ANSWERS = (
    "Wat vervelend, we zoeken het uit.",
    "Stuur ons je ordernummer, dan kijken we mee.",
    "Dat kan zeker!",
)
SUBJECTS = {
    "delivery": "Waar blijft mijn pakket?",
    "return": "Retour aanmelden",
    "product": "Onderdeel ontbreekt",
    "billing": "Vraag over mijn factuur",
    "subscription": "Abonnement wijzigen",
    "account": "Kan niet inloggen",
}

CALL_GREETINGS = ("Goedemiddag, waarmee kan ik u helpen?", "Good afternoon, how can I help you?")
CALL_QUESTIONS = (
    "Mijn pakket is er nog niet.", "Ik wil iets terugsturen.", "There is a part missing in the box.",
    "Ik heb een vraag over mijn factuur.",
)  # fmt: skip
CALL_ANSWERS = ("Een ogenblik, ik kijk het voor u na.", "Let me have a look for you.", "Dat regel ik voor u.")
CALL_THANKS = (
    "Fijn, bedankt voor de snelle hulp!", "Great, thank you so much.", "Heel vriendelijk van u.", "Top, dat helpt mij.",
)  # fmt: skip
CALL_COMPLAINTS = (
    "Ik heb veel te lang moeten wachten.", "This is really disappointing.", "Hier word ik boos van, wat slecht.",
    "Nobody ever calls back, terrible service.",
)  # fmt: skip
