"""Comments in English, German and Turkish: a small stock of sentences by sentiment, now and then with a contact to be masked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator.arrays import Floats, Ints
from cs_analysis.data.simulator.tables import named

LANGUAGES = ("en", "de", "tr")

SENTENCES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "Support took far too long to get back to us.",
            "The import failed twice and nobody could tell us why.",
            "Reports are slow as soon as we pick a whole year.",
            "Too expensive for what we actually use.",
            "We still do not know where to start after the setup.",
            "The integration with our CRM keeps breaking.",
            "Half of my team cannot find the reports they need.",
            "The price went up and nothing got better.",
            "I had to explain the same problem to three people.",
            "The app was down again on closing day.",
        ),
        (
            "It does the job, but the reports could be faster.",
            "Good product, the setup was harder than expected.",
            "Fine so far, we only use the basics.",
            "Support is friendly, answers could come sooner.",
            "We would like more integrations.",
            "Some features are great, others feel unfinished.",
            "Okay for the price.",
            "Still learning our way around.",
        ),
        (
            "Sharing reports with the whole team saves us hours every week.",
            "Support answered within the hour and solved it at once.",
            "The onboarding guide was excellent.",
            "Easy to use, even for colleagues who hate spreadsheets.",
            "Automations have changed how we close the month.",
            "Our customer-success manager really understands our goals.",
            "Great value for the money.",
            "The import just worked.",
            "Fast, clear and reliable.",
            "We have already recommended it to a partner company.",
        ),
    ),
    "de": (
        (
            "Der Support hat viel zu lange gebraucht.",
            "Der Import ist zweimal fehlgeschlagen, und niemand wusste warum.",
            "Die Berichte sind langsam, sobald man ein ganzes Jahr auswählt.",
            "Für das, was wir nutzen, ist es zu teuer.",
            "Nach der Einrichtung wussten wir nicht, wie es weitergeht.",
            "Die Schnittstelle zu unserem CRM bricht ständig ab.",
            "Die Oberfläche ist für neue Kolleginnen unübersichtlich.",
            "Am Monatsende war die Anwendung wieder nicht erreichbar.",
        ),
        (
            "Tut, was es soll, die Berichte könnten schneller sein.",
            "Gutes Produkt, die Einrichtung war aufwendiger als gedacht.",
            "Bisher in Ordnung, wir nutzen nur die Grundfunktionen.",
            "Freundlicher Support, Antworten dürften früher kommen.",
            "Mehr Schnittstellen wären schön.",
            "Für den Preis in Ordnung.",
        ),
        (
            "Das Teilen der Berichte spart uns jede Woche Stunden.",
            "Der Support hat innerhalb einer Stunde geholfen.",
            "Die Einführung war hervorragend erklärt.",
            "Sehr übersichtlich und leicht zu bedienen.",
            "Die Automatisierung hat unseren Monatsabschluss verändert.",
            "Unsere Ansprechpartnerin kennt unsere Ziele genau.",
            "Schnell, klar und zuverlässig.",
            "Wir haben es schon weiterempfohlen.",
        ),
    ),
    "tr": (
        (
            "Destek ekibinin dönüşü çok uzun sürdü.",
            "İçe aktarma iki kez başarısız oldu, nedenini kimse söyleyemedi.",
            "Bütün bir yılı seçince raporlar çok yavaşlıyor.",
            "Kullandığımız kadarı için fazla pahalı.",
            "Kurulumdan sonra nereden başlayacağımızı bilemedik.",
            "CRM bağlantımız sürekli kopuyor.",
            "Ay sonunda uygulamaya yine ulaşamadık.",
        ),
        (
            "İş görüyor ama raporlar daha hızlı olabilirdi.",
            "Ürün iyi, kurulum beklediğimizden zordu.",
            "Şimdilik fena değil, yalnızca temel özellikleri kullanıyoruz.",
            "Destek nazik, yanıtlar daha çabuk gelebilir.",
            "Daha çok entegrasyon görmek isteriz.",
            "Fiyatına göre idare eder.",
        ),
        (
            "Raporları paylaşmak her hafta bize saatler kazandırıyor.",
            "Destek bir saat içinde sorunu çözdü.",
            "Başlangıç rehberi çok iyi hazırlanmıştı.",
            "Kullanımı kolay, ekibimiz hemen alıştı.",
            "Otomasyonlar ay sonu kapanışımızı değiştirdi.",
            "Müşteri temsilcimiz hedeflerimizi gerçekten biliyor.",
            "Hızlı, anlaşılır ve güvenilir.",
            "Bir iş ortağımıza da önerdik.",
        ),
    ),
}
"""Sentences by language, in the order unhappy, in between, happy."""

CONTACTS = (
    "",
    " jo.miller@example.com",
    " +49 30 5550 1234",
    " k.yilmaz@example.org",
    " +90 212 555 01 23",
    " +1 (202) 555-0147",
)
"""What is added to a comment; the first is nothing."""

_GROUPS = [group for language in LANGUAGES for group in SENTENCES[language]]
_SIZE = np.array([len(group) for group in _GROUPS])
_FIRST = np.cumsum(_SIZE) - _SIZE
_STOCK = pa.array([sentence + contact for group in _GROUPS for sentence in group for contact in CONTACTS], pa.string())


def comments(language: Ints, mood: Ints, *, sentence: Floats, contact: Ints) -> pa.Array:
    """Return comments: by language, mood (0 unhappy, 1 in between, 2 happy; -1 = no comment), a uniform that picks the sentence, and contact."""
    group = 3 * language + np.maximum(mood, 0)
    number = _FIRST[group] + (_SIZE[group] * sentence).astype(np.int64)
    return named(np.where(mood < 0, -1, number * len(CONTACTS) + contact), _STOCK)
