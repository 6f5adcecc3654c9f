"""Sentences for made-up comments: language, topic, and two that complain and two that praise."""

from __future__ import annotations

from typing import Final

#: Language -> topic -> (complaint, complaint, praise, praise). Parking is never praised.
SENTENCES: Final[dict[str, dict[str, tuple[str, str, str, str]]]] = {
    "de": {
        "parking": (
            "Kein freier Parkplatz, ich musste zweimal um den Block fahren.",
            "Der Parkplatz war völlig überfüllt, überall standen Mitarbeiterautos.",
            "Parkplatz gleich gefunden.",
            "Genug Platz zum Parken.",
        ),
        "waiting": (
            "Trotz Termin viel zu lange gewartet.",
            "An der Annahme stand eine Schlange, niemand fühlte sich zuständig.",
            "Ich kam sofort dran, keine Wartezeit.",
            "Die Annahme ging schnell und freundlich.",
        ),
        "workshop": (
            "Der Fehler ist nach der Reparatur immer noch da.",
            "Die Werkstatt hat nicht sauber gearbeitet, ich musste noch einmal kommen.",
            "Die Reparatur wurde gründlich und sauber erledigt.",
            "Werkstatt top, das Auto läuft wieder wie neu.",
        ),
        "staff": (
            "Der Berater wirkte unsicher und konnte meine Fragen nicht beantworten.",
            "Von drei Personen drei verschiedene Auskünfte bekommen.",
            "Sehr kompetente Beratung, alles verständlich erklärt.",
            "Der Serviceberater wusste genau, wovon er spricht.",
        ),
        "booking": (
            "Die Terminbuchung hat erst beim dritten Versuch geklappt.",
            "Kein Termin in den nächsten zwei Wochen, das ist zu spät.",
            "Terminbuchung einfach und schnell.",
            "Schon am nächsten Tag einen Termin bekommen.",
        ),
        "pickup": (
            "Das Auto war zur zugesagten Zeit nicht fertig.",
            "Bei der Abholung hat mir niemand erklärt, was gemacht wurde.",
            "Die Abholung war pünktlich und unkompliziert.",
            "Bei der Übergabe wurde alles gezeigt und erklärt.",
        ),
        "billing": (
            "Die Rechnung war höher als der Kostenvoranschlag.",
            "Auf der Rechnung stehen Posten, die keiner erklären kann.",
            "Die Rechnung war klar und wie vereinbart.",
            "Faire Preise, nachvollziehbare Rechnung.",
        ),
        "general": (
            "Insgesamt bin ich enttäuscht.",
            "Das war früher besser.",
            "Alles bestens, gerne wieder.",
            "Rundum zufrieden.",
        ),
    },
    "en": {
        "parking": (
            "There was nowhere to park, I had to leave the car on the street.",
            "The car park was full of staff cars again.",
            "Found a parking space straight away.",
            "Plenty of room to park.",
        ),
        "waiting": (
            "I had an appointment and still waited far too long.",
            "Long queue at the reception, and nobody looked up.",
            "I was served at once, no waiting.",
            "Quick and friendly check-in.",
        ),
        "workshop": (
            "The fault is still there after the repair.",
            "The workshop did a sloppy job, so I had to come back.",
            "The repair was done carefully and well.",
            "Great workshop, the car runs like new.",
        ),
        "staff": (
            "The advisor seemed unsure and could not answer my questions.",
            "I asked three people and got three different answers.",
            "Very competent advice, everything was explained clearly.",
            'The advisor really knew what "inspection" means.',
        ),
        "booking": (
            "Booking only worked at the third attempt.",
            "No appointment for two weeks, that is too late.",
            "Booking was easy and quick.",
            "I got an appointment for the very next day.",
        ),
        "pickup": (
            "The car was not ready at the promised time.",
            "Nobody told me what had been done when I picked up the car.",
            "Pick-up was on time and without fuss.",
            "At handover they showed me everything, which I liked.",
        ),
        "billing": (
            "The invoice was higher than the quote.",
            "There are items on the invoice that nobody can explain.",
            "The invoice was clear and as agreed.",
            "Fair price, clear invoice.",
        ),
        "general": (
            "All in all I am disappointed.",
            "It used to be better.",
            "All fine, I will come again.",
            "Completely satisfied.",
        ),
    },
    "fr": {
        "parking": (
            "Impossible de se garer, le parking était complet.",
            "Aucune place de parking, toutes prises par le personnel.",
            "Place de parking trouvée tout de suite.",
            "Assez de places pour se garer.",
        ),
        "waiting": (
            "Attente beaucoup trop longue malgré le rendez-vous.",
            "Une longue file à la réception, personne ne s'est occupé de moi.",
            "Pris en charge immédiatement, aucune attente.",
            "Accueil rapide et aimable.",
        ),
        "workshop": (
            "La panne est toujours là après la réparation.",
            "L'atelier a bâclé le travail, j'ai dû revenir.",
            "La réparation a été faite avec soin.",
            "Excellent atelier, la voiture roule comme neuve.",
        ),
        "staff": (
            "Le conseiller hésitait et n'a pas su répondre à mes questions.",
            "Trois personnes, trois réponses différentes.",
            "Conseil très compétent, tout a été bien expliqué.",
            "Le conseiller connaît vraiment son métier.",
        ),
        "booking": (
            "La réservation n'a marché qu'au troisième essai.",
            "Pas de rendez-vous avant deux semaines, c'est trop tard.",
            "Prise de rendez-vous simple et rapide.",
            "Rendez-vous obtenu dès le lendemain.",
        ),
        "pickup": (
            "La voiture n'était pas prête à l'heure promise.",
            "À la remise, personne ne m'a expliqué les travaux.",
            "Remise ponctuelle et sans complication.",
            "Tout m'a été montré et expliqué à la remise.",
        ),
        "billing": (
            "La facture dépasse le devis.",
            "La facture contient des postes que personne ne peut expliquer.",
            "Facture claire et conforme à l'accord.",
            "Prix correct, facture compréhensible.",
        ),
        "general": (
            "Dans l'ensemble, je suis déçu.",
            "C'était mieux avant.",
            "Tout était parfait, je reviendrai.",
            "Entièrement satisfait.",
        ),
    },
    "it": {
        "parking": (
            "Nessun parcheggio libero, ho lasciato l'auto in strada.",
            "Il parcheggio era pieno di auto del personale.",
            "Parcheggio trovato subito.",
            "Posti sufficienti per parcheggiare.",
        ),
        "waiting": (
            "Attesa troppo lunga nonostante l'appuntamento.",
            "Lunga coda all'accettazione, nessuno mi ha salutato.",
            "Servito subito, nessuna attesa.",
            "Accettazione rapida e gentile.",
        ),
        "workshop": (
            "Il guasto c'è ancora dopo la riparazione.",
            "L'officina ha lavorato male, sono dovuto tornare.",
            "La riparazione è stata fatta con cura.",
            "Ottima officina, l'auto va come nuova.",
        ),
        "staff": (
            "Il consulente era insicuro e non ha saputo rispondere.",
            "Tre persone, tre risposte diverse.",
            "Consulenza molto competente, tutto spiegato bene.",
            "Il consulente conosce davvero il suo mestiere.",
        ),
        "booking": (
            "La prenotazione ha funzionato solo al terzo tentativo.",
            "Nessun appuntamento per due settimane, è troppo tardi.",
            "Prenotazione semplice e veloce.",
            "Appuntamento già il giorno dopo.",
        ),
        "pickup": (
            "L'auto non era pronta all'ora promessa.",
            "Alla consegna nessuno mi ha spiegato i lavori.",
            "Ritiro puntuale e senza problemi.",
            "Alla consegna mi hanno mostrato tutto.",
        ),
        "billing": (
            "La fattura era più alta del preventivo.",
            "Nella fattura ci sono voci che nessuno sa spiegare.",
            "Fattura chiara e come concordato.",
            "Prezzo giusto, fattura comprensibile.",
        ),
        "general": (
            "Nel complesso sono deluso.",
            "Una volta era meglio.",
            "Tutto bene, tornerò volentieri.",
            "Pienamente soddisfatto.",
        ),
    },
}

#: Put before a sentence; most comments have none.
OPENERS: Final[dict[str, tuple[str, str]]] = {
    "de": ("Ehrlich gesagt: ", "Mein Eindruck: "),
    "en": ("To be honest: ", "My impression: "),
    "fr": ("Franchement : ", "Mon impression : "),
    "it": ("Sinceramente: ", "La mia impressione: "),
}
#: Put after a sentence that complains (first two) or praises (last two).
CLOSERS: Final[dict[str, tuple[str, str, str, str]]] = {
    "de": (" Das geht besser!", " Schade.", " Danke!", " Weiter so."),
    "en": (" You can do better!", " A pity.", " Thank you!", " Keep it up."),
    "fr": (" Peut mieux faire !", " Dommage.", " Merci !", " Continuez ainsi."),
    "it": (" Si può fare meglio!", " Peccato.", " Grazie!", " Avanti così."),
}
